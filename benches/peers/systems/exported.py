"""What `lightgcn export` writes, for the peers.

`exported.py arrays EXPORT FOLDER` writes the training pairs, the validation targets (as `test.npy`) and the test
targets (as `later.npy`) as numpy arrays of rows;
`exported.py recall EXPORT FOLDER MODEL_EXPORT` evaluates a model's embeddings on them.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl

import ranking


def vocabularies(pairs):
    """Users and items of the training pairs, numbered as they appear."""
    train = pairs.filter(pl.col("part") == "train")
    return [
        train.select(pl.col(f"{kind}_id").unique(maintain_order=True)).with_row_index(kind) for kind in ("user", "item")
    ]


def arrays(export, folder):
    pairs = pl.read_parquet(export / "pairs.parquet", columns=["user_id", "item_id", "part", "weight", "n_purchase"])
    users, items = vocabularies(pairs)
    users.write_parquet(folder / "users.parquet")
    items.write_parquet(folder / "items.parquet")
    rows = pairs.join(users, on="user_id").join(items, on="item_id").sort("user", "item")
    files = {"train": "train", "test": "validation", "later": "test"}
    parts = {name: rows.filter(pl.col("part") == part) for name, part in files.items()}
    for name, part in parts.items():
        np.save(folder / f"{name}.npy", np.stack([part["user"], part["item"]]).astype(np.int64))
    train = parts["train"]
    np.save(folder / "weights.npy", train["weight"].to_numpy().astype(np.float32))
    np.save(folder / "bought.npy", (train["n_purchase"] > 0).to_numpy())
    return {
        "users": len(users),
        "items": len(items),
        "pairs": len(train),
        "validation": len(parts["test"]),
        "test": int((pairs["part"] == "test").sum()),
        "weight": float(train["weight"].sum()),
    }


def vectors(export, folder, kind):
    table = pl.read_parquet(export / "embeddings.parquet").filter(pl.col("kind") == kind)
    rows = pl.read_parquet(folder / f"{kind}s.parquet").rename({f"{kind}_id": "id"})
    table = rows.join(table, on="id", how="left", maintain_order="left")
    return table["embedding"].explode().to_numpy().reshape(len(rows), -1)


def main():
    task, export, folder, *model = sys.argv[1], *map(Path, sys.argv[2:])
    folder.mkdir(parents=True, exist_ok=True)
    start, cpu = time.perf_counter(), time.process_time()
    if task == "arrays":
        line = arrays(export, folder)
    else:
        _, _, bought, truth = ranking.load(folder)
        users, items = (vectors(model[0], folder, kind) for kind in ("user", "item"))
        line = {"recall_at_20": ranking.mean_recall(users, items, truth, bought)}
    line |= {"wall_s": time.perf_counter() - start, "cpu_s": time.process_time() - cpu, "steps": 1}
    print(json.dumps(line))


if __name__ == "__main__":
    main()
