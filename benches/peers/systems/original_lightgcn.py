"""LightGCN the way of its authors' PyTorch code (LightGCN-PyTorch): the same operations in the same order.

He et al., LightGCN: Simplifying and Powering Graph Convolution Network for Recommendation, SIGIR 2020. Kept are

- the adjacency through scipy's dok and lil matrices, saved and reused, then a coalesced float COO tensor;
- two embedding tables, started from N(0, 0.1), joined before every propagation; three products of
  `torch.sparse.mm`, stacked and averaged;
- the whole epoch's triples sampled in Python beforehand (a user at random, one of its items, one item that
  is not among them), shuffled, then a full propagation for every batch; softplus BPR, L2 on the batch's rows of
  layer 0, torch's Adam;
- evaluation by 100 users: a full propagation for every batch, sigmoid of all scores, training items set to
  -(1 << 10), `torch.topk`, then Recall, Precision and NDCG in Python and numpy.

`evaluate-once` is the same evaluation with one propagation in all, which a user of that code would change first.
"""

from pathlib import Path

import numpy as np
import scipy.sparse as sp
import torch

import gowalla
import measure

USERS_OF_A_BATCH = 100
MASKED = -(1 << 10)


class OriginalLightGcn(torch.nn.Module):
    def __init__(self, task, data, args):
        super().__init__()
        self.data = data
        self.layers = args.layers
        self.propagate_once = task in ("evaluate-once", "topk")
        self.propagated = None
        self.ratings = sp.csr_matrix(
            (np.ones(len(data.train)), (data.train.users, data.train.items)), shape=(data.n_users, data.n_items)
        )
        self.positives = self.positives_of(range(data.n_users))
        self.truth = {}
        for user, item in zip(data.test.users, data.test.items):
            self.truth.setdefault(user, []).append(item)

        self.user_table = torch.nn.Embedding(data.n_users, gowalla.DIMENSION)
        self.item_table = torch.nn.Embedding(data.n_items, gowalla.DIMENSION)
        if task == "epoch":
            torch.nn.init.normal_(self.user_table.weight, std=0.1)
            torch.nn.init.normal_(self.item_table.weight, std=0.1)
        else:
            start = torch.from_numpy(gowalla.start_embeddings(data))
            self.user_table.weight.data.copy_(start[: data.n_users])
            self.item_table.weight.data.copy_(start[data.n_users :])
        self.adjacency = self.sparse_adjacency(Path(args.cache) / "original_adjacency.npz")
        self.optimizer = torch.optim.Adam(self.parameters(), lr=gowalla.LEARNING_RATE)

    def positives_of(self, users):
        return [self.ratings[user].nonzero()[1] for user in users]

    def sparse_adjacency(self, saved):
        """D^-1/2 A D^-1/2 over users and items, [n_nodes, n_nodes], as a COO tensor."""
        if saved.exists():
            matrix = sp.load_npz(saved)
        else:
            matrix = sp.dok_matrix((self.data.n_nodes, self.data.n_nodes), dtype=np.float32).tolil()
            ratings = self.ratings.tolil()
            matrix[: self.data.n_users, self.data.n_users :] = ratings
            matrix[self.data.n_users :, : self.data.n_users] = ratings.T
            matrix = matrix.todok()
            with np.errstate(divide="ignore"):
                inverse_root = np.power(np.array(matrix.sum(axis=1)), -0.5).flatten()
            inverse_root[np.isinf(inverse_root)] = 0.0
            diagonal = sp.diags(inverse_root)
            matrix = diagonal.dot(matrix).dot(diagonal).tocsr()
            unfinished = saved.with_suffix(".unfinished.npz")
            sp.save_npz(unfinished, matrix)
            unfinished.rename(saved)
        coo = matrix.tocoo().astype(np.float32)
        index = torch.stack([torch.from_numpy(coo.row).long(), torch.from_numpy(coo.col).long()])
        return torch.sparse_coo_tensor(index, torch.from_numpy(coo.data), coo.shape).coalesce()

    def propagate(self):
        layer = torch.cat([self.user_table.weight, self.item_table.weight])
        layers = [layer]
        for _ in range(self.layers):
            layer = torch.sparse.mm(self.adjacency, layer)
            layers.append(layer)
        mean = torch.mean(torch.stack(layers, dim=1), dim=1)
        return torch.split(mean, [self.data.n_users, self.data.n_items])

    # Training.

    def sample(self, count):
        """`count` triples (user, bought, not bought), [count, 3]."""
        triples = []
        for user in np.random.randint(0, self.data.n_users, count):
            bought = self.positives[user]
            if len(bought) == 0:
                continue
            positive = bought[np.random.randint(0, len(bought))]
            while True:
                negative = np.random.randint(0, self.data.n_items)
                if negative not in bought:
                    break
            triples.append([user, positive, negative])
        return np.array(triples)

    def loss(self, users, positives, negatives):
        all_users, all_items = self.propagate()
        user, positive, negative = all_users[users], all_items[positives], all_items[negatives]
        user_0, positive_0, negative_0 = (
            self.user_table(users),
            self.item_table(positives),
            self.item_table(negatives),
        )
        squares = user_0.norm(2).pow(2) + positive_0.norm(2).pow(2) + negative_0.norm(2).pow(2)
        l2 = 0.5 * squares / float(len(users))
        positive_score = torch.sum(torch.mul(user, positive), dim=1)
        negative_score = torch.sum(torch.mul(user, negative), dim=1)
        bpr = torch.mean(torch.nn.functional.softplus(negative_score - positive_score))
        return bpr + gowalla.L2 * l2

    def train_steps(self, steps):
        self.train()
        total = 0.0
        for start in range(0, steps, self.data.steps_of_an_epoch):
            # An epoch samples as many triples as there are training pairs; fewer steps sample their share.
            of_this_epoch = min(steps - start, self.data.steps_of_an_epoch)
            total += self.epoch(min(of_this_epoch * gowalla.BATCH, len(self.data.train)))
        return total / steps

    def epoch(self, count):
        triples = self.sample(count)
        order = np.arange(len(triples))
        np.random.shuffle(order)
        columns = [torch.Tensor(triples[:, column]).long()[order] for column in range(3)]
        total = 0.0
        for start in range(0, len(triples), gowalla.BATCH):
            loss = self.loss(*(column[start : start + gowalla.BATCH] for column in columns))
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            total += loss.cpu().item()
        return total

    # Ranking.

    def scores(self, users):
        if self.propagate_once:
            if self.propagated is None:
                self.propagated = self.propagate()
            all_users, all_items = self.propagated
        else:
            all_users, all_items = self.propagate()
        return torch.sigmoid(torch.matmul(all_users[users], all_items.t()))

    @torch.no_grad()
    def top(self, users):
        bought = self.positives_of(users)
        scores = self.scores(torch.Tensor(users).long())
        rows, columns = [], []
        for row, items in enumerate(bought):
            rows.extend([row] * len(items))
            columns.extend(items)
        scores[rows, columns] = MASKED
        return torch.topk(scores, k=gowalla.TOP_K)[1].cpu()

    def evaluate(self):
        self.eval()
        self.propagated = None
        users = list(self.truth)
        ranked = []
        for start in range(0, len(users), USERS_OF_A_BATCH):
            batch = users[start : start + USERS_OF_A_BATCH]
            ranked.append((self.top(batch).numpy(), [self.truth[user] for user in batch]))
        sums = np.zeros(3)
        for top, truth in ranked:
            sums += self.batch_metrics(top, truth)
        recall, _, ndcg = sums / len(users)
        return float(recall), float(ndcg)

    @staticmethod
    def batch_metrics(top, truth):
        """Sums of Recall, Precision and NDCG over a batch."""
        hits = np.array([[item in wanted for item in row] for row, wanted in zip(top, truth)]).astype("float")
        sizes = np.array([len(wanted) for wanted in truth])
        discount = 1.0 / np.log2(np.arange(2, gowalla.TOP_K + 2))
        ideal = np.zeros((len(truth), gowalla.TOP_K))
        for row, size in enumerate(sizes):
            ideal[row, : min(size, gowalla.TOP_K)] = 1
        ndcg = np.sum(hits * discount, axis=1) / np.sum(ideal * discount, axis=1)
        found = hits.sum(1)
        return np.array([np.sum(found / sizes), np.sum(found) / gowalla.TOP_K, np.sum(ndcg)])


if __name__ == "__main__":
    measure.main(OriginalLightGcn, f"torch {torch.__version__}")
