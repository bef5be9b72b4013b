"""The interactions that every system is measured on: one line a user, `user item item ...`, ids from 0.

Or, for `large.py`, numpy arrays [2, pairs] of the same.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

DIMENSION = 64
LAYERS = 3
BATCH = 2048
LEARNING_RATE = 1e-3
L2 = 1e-4
TOP_K = 20


@dataclass
class Pairs:
    """Interactions as two arrays of the same length, in the order of the file."""

    users: np.ndarray
    items: np.ndarray

    def __len__(self):
        return len(self.users)


@dataclass
class Interactions:
    n_users: int
    n_items: int
    train: Pairs
    test: Pairs

    @property
    def n_nodes(self):
        return self.n_users + self.n_items

    @property
    def steps_of_an_epoch(self):
        return -(-len(self.train) // BATCH)


def read_pairs(path):
    """Reads one file. A user may have no items; an id that is no whole number is an error with its line."""
    if path.suffix == ".npy":
        return Pairs(*np.load(path))
    users, items = [], []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                row = [int(word) for word in line.split()]
            except ValueError as error:
                raise ValueError(f"{path}, line {number}: {error}") from error
            if row:
                users.extend([row[0]] * (len(row) - 1))
                items.extend(row[1:])
    return Pairs(np.array(users, dtype=np.int64), np.array(items, dtype=np.int64))


def read(folder):
    """Reads `train.txt` and `test.txt` of a folder, or `train.npy` and `test.npy`."""
    ending = "npy" if (Path(folder) / "train.npy").exists() else "txt"
    train, test = (read_pairs(Path(folder) / f"{name}.{ending}") for name in ("train", "test"))
    return Interactions(
        n_users=int(max(train.users.max(), test.users.max())) + 1,
        n_items=int(max(train.items.max(), test.items.max())) + 1,
        train=train,
        test=test,
    )


def lists_by_user(pairs, n_users):
    """The items of each user, as one array a user."""
    order = np.argsort(pairs.users, kind="stable")
    ends = np.cumsum(np.bincount(pairs.users, minlength=n_users))
    return np.split(pairs.items[order], ends[:-1])


def start_embeddings(data):
    """Layer 0 of `evaluate` and `topk`: the same numbers in every system, [n_nodes, 64], users first."""
    values = np.random.default_rng(7).standard_normal((data.n_nodes, DIMENSION), dtype=np.float32)
    return values * np.float32(0.1)


if __name__ == "__main__":
    # `gowalla.py FOLDER FILE` writes them for a program that is not written in Python.
    folder, target = map(Path, sys.argv[1:])
    target.parent.mkdir(parents=True, exist_ok=True)
    numbers = start_embeddings(read(folder)).astype("<f4")
    unfinished = target.with_suffix(".tmp")
    unfinished.write_bytes(numbers.tobytes())
    unfinished.rename(target)
    print(json.dumps({"wall_s": 0, "cpu_s": 0, "steps": 1}))
