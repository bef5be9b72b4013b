"""Writes the logs beside it: a CSV file, and the same log by pyarrow and by polars, each with other types.

    pip install pyarrow polars
    python make_parquet.py
"""

import csv
import datetime as dt
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent
START = dt.datetime(2024, 1, 1, 10, 0, 0, tzinfo=dt.timezone.utc)
BEHAVIORS = ["view", "view", "cart", "purchase"]

# time, behavior, item, category id, category code, brand, price, user, session
ROWS = [
    (
        START + dt.timedelta(hours=7 * n),
        BEHAVIORS[n % 4],
        5_700_000 + n * n % 5,
        1_487_580_005_092_295_511 + n * n % 5 if n % 6 else None,
        ["apparel.glove", "stationery, paper", None][n % 5 % 3],
        ["runail", None, "l'oréal \"x\""][n % 3],
        n * n % 5 + 0.25 if n % 7 else None,
        400 + n % 3,
        f"session-{n // 4}",
    )
    for n in range(40)
]
ROWS.append(ROWS[3])  # an exact duplicate
NAMES = (
    "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session".split(",")
)
COLUMNS = dict(zip(NAMES, map(list, zip(*ROWS))))

with open(HERE / "log.csv", "w", newline="", encoding="utf-8") as file:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(NAMES)
    for time, *rest in ROWS:
        fields = ["" if value is None else value for value in rest]
        writer.writerow([time.strftime("%Y-%m-%d %H:%M:%S UTC"), *fields])

arrow = pa.table(
    {
        "event_time": pa.array(COLUMNS["event_time"], pa.timestamp("us", "Europe/Paris")),
        "event_type": pa.array(COLUMNS["event_type"]).dictionary_encode(),
        "product_id": pa.array(COLUMNS["product_id"], pa.int32()),
        "category_id": pa.array(COLUMNS["category_id"], pa.uint64()),
        "category_code": pa.array(COLUMNS["category_code"], pa.large_string()),
        "brand": pa.array(COLUMNS["brand"], pa.string()).dictionary_encode(),
        "price": pa.array(COLUMNS["price"], pa.float32()),
        "user_id": pa.array([str(user) for user in COLUMNS["user_id"]], pa.string_view()),
        "user_session": pa.array(COLUMNS["user_session"]),
    }
)
pq.write_table(arrow, HERE / "pyarrow.parquet", row_group_size=16, compression="zstd")

# As Spark and Hive write: times of 96 bits, no Arrow schema.
pq.write_table(
    arrow.drop_columns(["user_id"]).append_column("user_id", pa.array(COLUMNS["user_id"], pa.int64())),
    HERE / "int96.parquet",
    use_deprecated_int96_timestamps=True,
    store_schema=False,
    compression="gzip",
)

frame = pl.DataFrame(
    {
        "event_time": pl.Series(COLUMNS["event_time"]).dt.replace_time_zone(None).cast(pl.Datetime("ms")),
        "event_type": pl.Series(COLUMNS["event_type"], dtype=pl.Categorical),
        "product_id": pl.Series(COLUMNS["product_id"], dtype=pl.UInt64),
        "category_id": pl.Series(COLUMNS["category_id"], dtype=pl.Int64),
        "category_code": pl.Series(COLUMNS["category_code"]),
        "brand": pl.Series(COLUMNS["brand"]),
        "price": pl.Series(COLUMNS["price"], dtype=pl.Float64),
        "user_id": pl.Series(COLUMNS["user_id"], dtype=pl.Int16),
        "user_session": pl.Series(COLUMNS["user_session"]),
        "tags": [["a", "b"]] * len(ROWS),
    }
)
frame.write_parquet(HERE / "polars.parquet", compression="snappy")
