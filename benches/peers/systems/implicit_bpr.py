"""implicit's ranking: its `recommend` and `ranking_metrics_at_k` on the embeddings that the others rank.

implicit has matrix factorization only, so its training is other work and is not measured. Its BPR model gets the
propagated embeddings as factors, and the time includes no propagation. Its metrics have NDCG but no Recall.
"""

import numpy as np
import scipy.sparse as sp
import implicit
from implicit.bpr import BayesianPersonalizedRanking
from implicit.evaluation import ranking_metrics_at_k
from threadpoolctl import threadpool_limits

import gowalla
import measure


class ImplicitRanking:
    def __init__(self, task, data, args):
        if task not in ("prepare", "evaluate", "topk"):
            raise SystemExit(f"implicit has no {task}")
        threadpool_limits(1, "blas")  # what implicit asks for: it runs its own threads
        self.threads = args.threads
        self.train = matrix(data.train, data)
        self.test = matrix(data.test, data)
        embeddings = propagated(self.train, gowalla.start_embeddings(data), args.layers)
        self.model = BayesianPersonalizedRanking(factors=gowalla.DIMENSION, num_threads=args.threads)
        self.model.user_factors = np.ascontiguousarray(embeddings[: data.n_users])
        self.model.item_factors = np.ascontiguousarray(embeddings[data.n_users :])

    def evaluate(self):
        result = ranking_metrics_at_k(
            self.model, self.train, self.test, K=gowalla.TOP_K, show_progress=False, num_threads=self.threads
        )
        return None, float(result["ndcg"])

    def top(self, users):
        ids, _ = self.model.recommend(users, self.train[users], N=gowalla.TOP_K)
        return ids


def matrix(pairs, data):
    values = np.ones(len(pairs), dtype=np.float32)
    return sp.csr_matrix((values, (pairs.users, pairs.items)), shape=(data.n_users, data.n_items))


def propagated(train, layer, layers):
    """The mean of layers 0 to `layers` of LightGCN, [n_nodes, 64]."""
    graph = sp.bmat([[None, train], [train.T, None]], format="csr")
    degree = np.asarray(graph.sum(axis=1)).ravel()
    root = sp.diags(np.where(degree > 0, 1 / np.sqrt(np.maximum(degree, 1)), 0).astype(np.float32))
    graph = (root @ graph @ root).astype(np.float32)
    total = layer.copy()
    for _ in range(layers):
        layer = graph @ layer
        total += layer
    return total / np.float32(layers + 1)


if __name__ == "__main__":
    measure.main(ImplicitRanking, f"implicit {implicit.__version__}", torch_threads=False)
