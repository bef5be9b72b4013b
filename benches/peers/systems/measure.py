"""Runs one task of one system in this process and prints one line of JSON about the measured part."""

import argparse
import json
import os
import resource
import sys
import time

import gowalla


class Meter:
    """Wall and CPU seconds (user and system, all threads and finished children) between enter and exit."""

    def __enter__(self):
        self._wall, self._cpu = time.perf_counter(), cpu_seconds()
        return self

    def __exit__(self, *_):
        self.wall_s = time.perf_counter() - self._wall
        self.cpu_s = cpu_seconds() - self._cpu


def cpu_seconds():
    own = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def peak_mb():
    """The largest resident memory of this process so far, in megabytes (10^6 bytes)."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=["prepare", "epoch", "evaluate", "evaluate-once", "topk"])
    parser.add_argument("--data", required=True, help="folder with train.txt and test.txt, or .npy")
    parser.add_argument("--cache", required=True, help="folder for files that a system makes from the data")
    parser.add_argument("--steps", type=int, default=1, help="training steps, evaluations or top-K calls")
    parser.add_argument("--warm-up", type=int, default=3, help="training steps or top-K calls before the clock")
    parser.add_argument("--users", type=int, default=1, help="users in one top-K call")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--layers", type=int, default=gowalla.LAYERS)
    return parser.parse_args()


def user_batches(data, size, count):
    """`count` batches of `size` different users that have test items, the same in every system; they wrap."""
    import numpy as np

    order = np.random.default_rng(11).permutation(np.unique(data.test.users))
    size = min(size, len(order))
    return [np.take(order, np.arange(i * size, (i + 1) * size), mode="wrap") for i in range(count)]


def main(make, versions, torch_threads=True):
    """`make(task, data, args)` builds a system with the methods that its tasks need:

    - `train_steps(steps)`: that many steps of an epoch, negative sampling included; returns the
      mean loss;
    - `evaluate()`: from layer-0 embeddings to (Recall@20 or None, NDCG@20) of all users;
    - `top(users)`: the ids of the top 20 of an array of users, training items masked.
    """
    args = arguments()
    sys.argv = sys.argv[:1]  # RecBole reads the command line too
    os.makedirs(args.cache, exist_ok=True)
    import numpy as np

    np.random.seed(1)
    if torch_threads:
        import torch

        torch.set_num_threads(args.threads)
        torch.manual_seed(1)
    imported_mb = peak_mb()

    with Meter() as setup:
        data = gowalla.read(args.data)
        system = make(args.task, data, args)

    line = {"task": args.task, "version": versions}
    if args.task == "prepare":
        meter = setup
    elif args.task == "epoch":
        if args.warm_up:
            system.train_steps(args.warm_up)
        with Meter() as meter:
            line["loss"] = system.train_steps(args.steps)
        line["steps_of_an_epoch"] = data.steps_of_an_epoch
    elif args.task == "topk":
        batches = user_batches(data, args.users, args.warm_up + args.steps)
        for users in batches[: args.warm_up]:
            system.top(users)
        with Meter() as meter:
            for users in batches[args.warm_up :]:
                top = system.top(users)
        line["users"] = len(batches[0])
        line["top"] = [int(item) for item in top[0]]
        assert len(top) == len(batches[0]) and len(line["top"]) == gowalla.TOP_K
    else:
        with Meter() as meter:
            for _ in range(args.steps):
                recall, ndcg = system.evaluate()
        line["recall_at_20"], line["ndcg_at_20"] = recall, ndcg
    line.update(
        wall_s=meter.wall_s,
        cpu_s=meter.cpu_s,
        steps=args.steps,
        peak_mb=peak_mb(),
        setup_s=setup.wall_s,
        imported_mb=imported_mb,
    )
    print(json.dumps(line), flush=True)
