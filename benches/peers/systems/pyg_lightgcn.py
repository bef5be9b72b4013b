"""PyTorch Geometric's `LightGCN` on the full graph, after its own example.

Of the forms in which it takes a graph (edge index, `EdgeIndex`, COO and CSR tensors), a CSR tensor that was
normalized once beforehand is the fastest on the CPU with the packages of requirements.txt, and is used here.
"""

import warnings
from functools import cached_property

import numpy as np
import torch
import torch_geometric
from torch_geometric.metrics import LinkPredMetricCollection, LinkPredNDCG, LinkPredRecall
from torch_geometric.nn.conv.gcn_conv import gcn_norm
from torch_geometric.nn.models import LightGCN
from torch_geometric.utils import to_torch_csr_tensor, to_undirected

import gowalla
import measure

USERS_OF_A_BATCH = 1024


class PygLightGcn:
    def __init__(self, task, data, args):
        del task
        self.data = data
        users, items = torch.from_numpy(data.train.users), torch.from_numpy(data.train.items)
        self.pairs = torch.stack([users, items + data.n_users])
        edges = to_undirected(self.pairs, num_nodes=data.n_nodes)
        edges, weights = gcn_norm(edges, None, data.n_nodes, add_self_loops=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch calls its sparse CSR support a beta
            self.graph = to_torch_csr_tensor(edges, weights, size=(data.n_nodes, data.n_nodes))
        self.model = LightGCN(data.n_nodes, gowalla.DIMENSION, args.layers, normalize=False)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=gowalla.LEARNING_RATE)
        # Not in `train_steps`: an epoch shuffles once, however few of its steps are measured.
        self.order = torch.randperm(self.pairs.size(1))
        self.propagated = None

    @cached_property
    def train_lists(self):
        return [torch.from_numpy(row) for row in gowalla.lists_by_user(self.data.train, self.data.n_users)]

    @cached_property
    def test_lists(self):
        return [torch.from_numpy(row) for row in gowalla.lists_by_user(self.data.test, self.data.n_users)]

    def train_steps(self, steps):
        self.model.train()
        total = 0.0
        for step in range(steps):
            start = step * gowalla.BATCH % len(self.order)
            positive = self.pairs[:, self.order[start : start + gowalla.BATCH]]
            negative_item = torch.randint(self.data.n_users, self.data.n_nodes, (positive.size(1),))
            negative = torch.stack([positive[0], negative_item])
            both = torch.cat([positive, negative], dim=1)
            self.optimizer.zero_grad()
            positive_rank, negative_rank = self.model(self.graph, both).chunk(2)
            loss = self.model.recommendation_loss(
                positive_rank, negative_rank, node_id=both.unique(), lambda_reg=gowalla.L2
            )
            loss.backward()
            self.optimizer.step()
            total += float(loss.detach())
        return total / steps

    def load_start(self):
        self.model.eval()
        with torch.no_grad():
            self.model.embedding.weight.copy_(torch.from_numpy(gowalla.start_embeddings(self.data)))

    def propagate(self):
        self.propagated = self.model.get_embedding(self.graph).split([self.data.n_users, self.data.n_items])

    @torch.no_grad()
    def top(self, users):
        if self.propagated is None:
            self.load_start()
            self.propagate()
        user_embeddings, item_embeddings = self.propagated
        scores = user_embeddings[torch.from_numpy(users)] @ item_embeddings.t()
        rows, columns = pairs_of(self.train_lists, users)
        scores[rows, columns] = float("-inf")
        return scores.topk(gowalla.TOP_K, dim=-1).indices

    @torch.no_grad()
    def evaluate(self):
        self.load_start()
        self.propagate()
        metrics = LinkPredMetricCollection(
            {"recall": LinkPredRecall(gowalla.TOP_K), "ndcg": LinkPredNDCG(gowalla.TOP_K)}
        )
        for start in range(0, self.data.n_users, USERS_OF_A_BATCH):
            users = np.arange(start, min(start + USERS_OF_A_BATCH, self.data.n_users))
            metrics.update(self.top(users), torch.stack(pairs_of(self.test_lists, users)))
        result = metrics.compute()
        return float(result["recall"]), float(result["ndcg"])


def pairs_of(lists, users):
    """The items of these users as (row of the batch, item)."""
    rows = [lists[user] for user in users]
    sizes = torch.tensor([len(row) for row in rows])
    return torch.repeat_interleave(torch.arange(len(rows)), sizes), torch.cat(rows)


if __name__ == "__main__":
    measure.main(PygLightGcn, f"torch_geometric {torch_geometric.__version__}, torch {torch.__version__}")
