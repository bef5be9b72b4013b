"""The preparation of a log in polars: duplicates, times, weights, pairs, the split by time, dense rows.

`polars_prepare.py LOG FOLDER` writes Parquet files. The job is that of `lightgcn prepare` with its defaults, as far as
a short script expresses it; README.md says what it leaves out.
"""

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import polars as pl

WEIGHTS = {"view": 0.01, "cart": 0.1, "remove_from_cart": -0.09, "purchase": 1.0}
FLOOR = 0.01
SHARE = 0.1
"""Of the purchases, in each held-out part."""
PAIR = ["user_id", "product_id"]
SCHEMA = {
    "event_time": pl.String,
    "event_type": pl.String,
    "product_id": pl.Int64,
    "category_id": pl.Int64,
    "category_code": pl.String,
    "brand": pl.String,
    "price": pl.Float64,
    "user_id": pl.Int64,
    "user_session": pl.String,
}


@dataclass
class Prepared:
    rows: int
    """Without exact duplicates."""
    users: pl.DataFrame
    items: pl.DataFrame
    train: pl.DataFrame
    validation: pl.DataFrame
    test: pl.DataFrame

    def counts(self):
        return {
            "rows": self.rows,
            "pairs": len(self.train),
            "validation": len(self.validation),
            "test": len(self.test),
            "weight": float(self.train["weight"].sum()),
        }


def scan(path):
    return pl.scan_csv(path, schema=SCHEMA)


def prepare(log):
    events = (
        log.with_columns(time=pl.col("event_time").str.to_datetime("%Y-%m-%d %H:%M:%S UTC"))
        .drop("event_time")
        .unique()
        .select(*PAIR, "event_type", "time")
        .collect(engine="streaming")
    )
    purchases = events.filter(pl.col("event_type") == "purchase")
    validation_from, test_from = cuts(purchases["time"].sort())
    train = weighed(events.filter(pl.col("time") < validation_from))
    users = train.select(pl.col("user_id").unique(maintain_order=True)).with_row_index("user")
    items = train.select(pl.col("product_id").unique(maintain_order=True)).with_row_index("item")

    bought = train.filter(pl.col("n_purchase") > 0).select(PAIR)
    later = purchases.filter(pl.col("time") >= validation_from)
    validation = later.filter(pl.col("time") < test_from).select(PAIR).unique().join(bought, on=PAIR, how="anti")
    test = later.filter(pl.col("time") >= test_from).select(PAIR).unique().join(bought, on=PAIR, how="anti")
    test = test.join(validation, on=PAIR, how="anti")

    def dense(pairs):
        """With rows in place of ids; pairs of unknown users and items are left out."""
        pairs = pairs.join(users, on="user_id").join(items, on="product_id")
        return pairs.drop(PAIR).sort("user", "item")

    return Prepared(len(events), users, items, dense(train), dense(validation), dense(test))


def cuts(times):
    """The first times of the validation and the test period, from the sorted times of the purchases."""
    n = max(int(len(times) * SHARE + 0.5), 1)
    test = times[len(times) - n]
    before = (times < test).sum()
    return times[before - min(n, before)], test


def weighed(events):
    """The pairs of these events with their counts, times and weights."""
    counts = [(pl.col("event_type") == name).sum().alias(f"n_{name}") for name in WEIGHTS]
    weight = pl.sum_horizontal(pl.col(f"n_{name}") * weight for name, weight in WEIGHTS.items())
    ceiling = pl.when(pl.col("n_purchase") > 0).then(1.0).otherwise(0.5)
    return (
        events.group_by(PAIR)
        .agg(*counts, first_time=pl.col("time").min(), last_time=pl.col("time").max())
        .with_columns(weight=weight)
        .with_columns(weight=pl.when(pl.col("weight") > 1).then(ceiling).otherwise(pl.col("weight").clip(FLOOR)))
    )


def main():
    log, folder = sys.argv[1], Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    start, cpu = time.perf_counter(), time.process_time()
    prepared = prepare(scan(log))
    for name in ("users", "items", "train", "validation", "test"):
        getattr(prepared, name).write_parquet(folder / f"{name}.parquet")
    line = {"wall_s": time.perf_counter() - start, "cpu_s": time.process_time() - cpu, "steps": 1}
    print(json.dumps({**line, "version": f"polars {pl.__version__}", **prepared.counts()}))


if __name__ == "__main__":
    main()
