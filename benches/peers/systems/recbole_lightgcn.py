"""RecBole's `LightGCN` through its own data set, samplers, `Trainer` and evaluator.

Trained by `Trainer._train_epoch` over its own loader, cut off after the wanted number of batches. Evaluated by
`Trainer.evaluate` over all items in batches of 100 users (its default batch would be one user).
"""

import itertools
import logging
import os
from pathlib import Path

import numpy as np
import torch
import recbole
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.model.general_recommender import LightGCN
from recbole.trainer import Trainer
from recbole.utils import init_seed
from recbole.utils.case_study import full_sort_topk

import gowalla
import measure

USERS_OF_A_BATCH = 100
NAME = "pairs"


class FirstBatches:
    """The given loader, cut after a number of batches."""

    def __init__(self, loader, count):
        self._loader, self._count = loader, count

    def __iter__(self):
        return itertools.islice(self._loader, self._count)

    def __len__(self):
        return min(self._count, len(self._loader))

    def __getattr__(self, name):
        return getattr(self._loader, name)


class RecboleLightGcn:
    def __init__(self, task, data, args):
        del task
        self.raw = data
        folder = Path(args.cache).resolve() / "recbole"
        write_atomic_files(folder / NAME, data)
        os.chdir(folder)  # RecBole writes its logs below the current folder
        logging.disable(logging.WARNING)
        config = Config(model="LightGCN", dataset=NAME, config_dict=settings(folder, data, args.layers))
        init_seed(config["seed"], config["reproducibility"])
        torch.set_num_threads(args.threads)
        dataset = create_dataset(config)
        self.train_data, _, self.test_data = data_preparation(config, dataset)
        self.model = LightGCN(config, self.train_data.dataset)
        self.trainer = Trainer(config, self.model)
        self.users = self.rows("user_id", data.n_users)
        self.items = self.rows("item_id", data.n_items)
        self.started = False

    def rows(self, field, count):
        """RecBole's row number of each of our ids; -1 where it does not know the id."""
        known = self.test_data.dataset.field2token_id[field]
        return np.array([known.get(str(index), -1) for index in range(count)])

    def train_steps(self, steps):
        total = 0.0
        left = steps
        while left > 0:
            loader = FirstBatches(self.train_data, left)
            total += self.trainer._train_epoch(loader, 0)
            left -= len(loader)
        return total / steps

    def load_start(self):
        """Sets layer 0, and forgets embeddings that were propagated before."""
        start = torch.from_numpy(gowalla.start_embeddings(self.raw))
        tables = [
            (self.model.user_embedding, self.users, start[: self.raw.n_users]),
            (self.model.item_embedding, self.items, start[self.raw.n_users :]),
        ]
        with torch.no_grad():
            for table, rows, values in tables:
                table.weight.zero_()
                table.weight[torch.from_numpy(rows[rows >= 0])] = values[torch.from_numpy(rows >= 0)]
        self.model.restore_user_e = self.model.restore_item_e = None
        self.model.eval()
        self.started = True

    def evaluate(self):
        self.load_start()
        result = self.trainer.evaluate(self.test_data, load_best_model=False)
        return float(result["recall@20"]), float(result["ndcg@20"])

    @torch.no_grad()
    def top(self, users):
        if not self.started:
            self.load_start()
            self.ids = np.full(self.test_data.dataset.item_num, -1)
            self.ids[self.items[self.items >= 0]] = np.flatnonzero(self.items >= 0)
        _, top = full_sort_topk(self.users[users], self.model, self.test_data, gowalla.TOP_K)
        return self.ids[top.numpy()]


def settings(folder, data, layers):
    return {
        "data_path": str(folder),
        "checkpoint_dir": str(folder / "saved"),
        "benchmark_filename": ["train", "valid", "test"],
        "USER_ID_FIELD": "user_id",
        "ITEM_ID_FIELD": "item_id",
        "load_col": {"inter": ["user_id", "item_id"]},
        "use_gpu": False,
        "show_progress": False,
        "embedding_size": gowalla.DIMENSION,
        "n_layers": layers,
        "reg_weight": gowalla.L2,
        "require_pow": True,  # the squared norm, as published
        "learning_rate": gowalla.LEARNING_RATE,
        "train_batch_size": gowalla.BATCH,
        "train_neg_sample_args": {
            "distribution": "uniform",
            "sample_num": 1,
            "alpha": 1.0,
            "dynamic": False,
            "candidate_num": 0,
        },
        "eval_args": {"order": "RO", "group_by": "user", "mode": "full"},
        "eval_batch_size": USERS_OF_A_BATCH * (data.n_items + 1),
        "metrics": ["Recall", "NDCG"],
        "topk": [gowalla.TOP_K],
        "valid_metric": "NDCG@20",
        "metric_decimal_place": 6,
    }


def write_atomic_files(folder, data):
    """RecBole's own format. It wants a validation part, and masks it in the test unless it is the test's own:
    with one test pair as the validation part, the training items alone are masked."""
    folder.mkdir(parents=True, exist_ok=True)
    one_pair = gowalla.Pairs(data.test.users[:1], data.test.items[:1])
    for name, pairs in (("train", data.train), ("valid", one_pair), ("test", data.test)):
        path = folder / f"{NAME}.{name}.inter"
        if path.exists():
            continue
        unfinished = path.with_suffix(".tmp")
        with open(unfinished, "w", encoding="utf-8") as file:
            file.write("user_id:token\titem_id:token\n")
            file.writelines(f"{user}\t{item}\n" for user, item in zip(pairs.users, pairs.items))
        unfinished.rename(path)


if __name__ == "__main__":
    measure.main(RecboleLightGcn, f"recbole {recbole.__version__}, torch {torch.__version__}")
