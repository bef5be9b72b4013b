"""implicit's ALS and BPR on all training pairs, evaluated on the validation and the test targets; for `large.py`.

ALS takes the confidence 1 + 40 · weight / mean weight: 40 is that of its authors for counts (Hu, Koren, Volinsky, ICDM
2008), and most weights are a view's, 0.01. implicit wants confidences above 1. BPR has no weights. All else is
implicit's default. A fit ends with the iteration in which its minutes are over.
"""

import argparse
import json
import time
from pathlib import Path

import implicit
import numpy as np
import scipy.sparse as sp
from implicit.als import AlternatingLeastSquares
from implicit.bpr import BayesianPersonalizedRanking
from threadpoolctl import threadpool_limits

import gowalla
import measure
import ranking

ALPHA = 40


class Over(Exception):
    """The minutes are over."""


def fit(model, matrix, minutes):
    """Returns the number of iterations."""
    end = time.perf_counter() + 60 * minutes
    done = 0

    def count(iteration, *_):
        nonlocal done
        done = iteration + 1
        if time.perf_counter() > end:
            raise Over

    try:
        model.fit(matrix, show_progress=False, callback=count)
    except Over:
        pass
    return done


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=["als", "bpr"])
    parser.add_argument("--data", required=True, type=Path, help="folder of arrays that exported.py wrote")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()

    threadpool_limits(1, "blas")  # what implicit asks for: it runs its own threads
    train, weights, bought, truth = ranking.load(args.data)
    settings = {"factors": gowalla.DIMENSION, "num_threads": args.threads, "random_state": 1}
    if args.model == "als":
        model, values = AlternatingLeastSquares(iterations=15, **settings), 1 + ALPHA * weights / weights.mean()
    else:
        model, values = BayesianPersonalizedRanking(**settings), weights
    matrix = sp.csr_matrix((values, (train[0], train[1])))
    del train, weights, values
    with measure.Meter() as meter:
        done = fit(model, matrix, args.minutes)
    fit_mb = measure.peak_mb()
    recall = ranking.mean_recall(model.user_factors, model.item_factors, truth, bought)
    later = ranking.mean_recall(model.user_factors, model.item_factors, np.load(args.data / "later.npy"), bought)
    line = {"version": f"implicit {implicit.__version__}", "wall_s": meter.wall_s, "cpu_s": meter.cpu_s, "steps": done}
    print(json.dumps({**line, "peak_mb": fit_mb, "of": model.iterations, "recall_at_20": recall, "later": later}))


if __name__ == "__main__":
    main()
