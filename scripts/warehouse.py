#!/usr/bin/env python3
"""Runs the SQL of docs/data-formats.md in DuckDB and compares the pairs with those that `prepare` makes of the same log.

    python3 scripts/warehouse.py target/debug/lightgcn

Needs the Python package duckdb.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

import duckdb

ROOT = pathlib.Path(__file__).resolve().parent.parent
COLUMNS = "user_id, item_id, part, weight, n_view, n_cart, n_remove_from_cart, n_purchase, last_time"


def main() -> None:
    command = str(pathlib.Path(sys.argv[1]).resolve())
    docs = (ROOT / "docs/data-formats.md").read_text()
    (sql,) = re.findall(r"```sql\n(.*?)```", docs, re.DOTALL)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)

        def lightgcn(*arguments: str) -> None:
            subprocess.run([command, *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        lightgcn("generate", "--events", "50000", "--out", "shop.csv")
        duckdb.sql(sql)
        lightgcn("prepare", "--pairs", "pairs.parquet", "--out", "warehouse")
        lightgcn("prepare", "shop.csv", "--split", "none", "--out", "log")
        rows = {}
        for name in ("warehouse", "log"):
            lightgcn("export", name, "--out", f"{name}.tables")
            query = f"SELECT {COLUMNS} FROM '{name}.tables/pairs.parquet' ORDER BY user_id, item_id"
            rows[name] = duckdb.sql(query).fetchall()
    theirs, ours = rows["warehouse"], rows["log"]
    assert len(theirs) == len(ours) > 10_000, (len(theirs), len(ours))
    for one, other in zip(theirs, ours):
        # Weights are sums in another order.
        same = one[:3] == other[:3] and one[4:] == other[4:] and abs(one[3] - other[3]) < 1e-6
        assert same, (one, other)
    print(f"{len(ours)} pairs are the same")


main()
