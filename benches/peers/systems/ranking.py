"""Recall@K over all items, as lightgcn evaluates: items bought in training are masked.

Reads what `exported.py` wrote.
"""

import numpy as np

USERS_OF_A_BATCH = 512


def load(folder):
    """Training pairs, their weights, the bought ones among them, and the targets; pairs are [2, n]."""
    train, truth = np.load(folder / "train.npy"), np.load(folder / "test.npy")
    return train, np.load(folder / "weights.npy"), train[:, np.load(folder / "bought.npy")], truth


def mean_recall(users, items, truth, bought, k=20):
    """The mean of hits / right answers over users with right answers.

    `users` and `items` are vectors, a row each, compared by their product, at least `k` items; `truth` and `bought` are
    pairs of rows, [2, n].
    """
    asked, counts = np.unique(truth[0], return_counts=True)
    bought = bought[:, np.isin(bought[0], asked)]
    hits = np.zeros(len(asked))
    for start in range(0, len(asked), USERS_OF_A_BATCH):
        block = asked[start : start + USERS_OF_A_BATCH]
        scores = users[block] @ items.T
        scores[places(block, bought)] = -np.inf
        right = np.zeros(scores.shape, dtype=bool)
        right[places(block, truth)] = True
        top = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        hits[start : start + len(block)] = np.take_along_axis(right, top, axis=1).sum(axis=1)
    return float((hits / counts).mean())


def places(block, pairs):
    """Of the pairs of this ascending block of users: row within the block, item."""
    pairs = pairs[:, np.isin(pairs[0], block)]
    return np.searchsorted(block, pairs[0]), pairs[1]
