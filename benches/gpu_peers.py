#!/usr/bin/env python3
"""Steps of LightGCN by the published recipe in PyTorch on one CUDA GPU, for `gpu.sh`.

`original` is the loop of LightGCN-PyTorch: a product with a coalesced COO tensor a layer, stacked and averaged, the
whole epoch's triples drawn beforehand (here by numpy at once, faster than the authors' loop), torch's Adam, a loss
read at every step. `pyg` is PyTorch Geometric's `LightGCN` on a normalized CSR tensor, where it is installed.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent / "peers" / "systems"))
import gowalla  # noqa: E402

DEVICE = torch.device("cuda")


def normalized(data):
    """D^-1/2 A D^-1/2 over users and items, as a coalesced COO tensor."""
    users = torch.from_numpy(data.train.users)
    items = torch.from_numpy(data.train.items) + data.n_users
    index = torch.stack([torch.cat([users, items]), torch.cat([items, users])]).to(DEVICE)
    degrees = torch.bincount(index[0], minlength=data.n_nodes).clamp(min=1).float()
    values = degrees[index[0]].rsqrt() * degrees[index[1]].rsqrt()
    return torch.sparse_coo_tensor(index, values, (data.n_nodes, data.n_nodes)).coalesce()


def triples(data, random):
    """An epoch's triples, shuffled: user, bought, not bought (an item of all, drawn again where bought)."""
    order = random.permutation(len(data.train))
    users, items = data.train.users[order], data.train.items[order]
    known = np.sort(data.train.users * data.n_items + data.train.items)
    negatives = random.integers(0, data.n_items, len(users))
    while True:
        keys = users * data.n_items + negatives
        at = np.minimum(np.searchsorted(known, keys), len(known) - 1)
        again = known[at] == keys
        if not again.any():
            return [torch.from_numpy(column).to(DEVICE) for column in (users, items, negatives)]
        negatives[again] = random.integers(0, data.n_items, int(again.sum()))


def original(data):
    graph = normalized(data)
    table = torch.nn.Parameter(torch.randn(data.n_nodes, gowalla.DIMENSION, device=DEVICE) * 0.1)
    optimizer = torch.optim.Adam([table], lr=gowalla.LEARNING_RATE)

    def step(users, items, negatives):
        layers = [table]
        for _ in range(gowalla.LAYERS):
            layers.append(torch.sparse.mm(graph, layers[-1]))
        final = torch.stack(layers, dim=1).mean(dim=1)
        user, positive, negative = users, items + data.n_users, negatives + data.n_users
        margin = (final[user] * (final[positive] - final[negative])).sum(dim=1)
        l2 = sum(table[rows].norm(2).pow(2) for rows in (user, positive, negative)) / 2 / len(users)
        loss = torch.nn.functional.softplus(-margin).mean() + gowalla.L2 * l2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.cpu().item()

    return step


def pyg(data):
    from torch_geometric.nn.models import LightGCN

    graph = normalized(data).to_sparse_csr()
    model = LightGCN(data.n_nodes, gowalla.DIMENSION, gowalla.LAYERS, normalize=False).to(DEVICE)
    optimizer = torch.optim.Adam(model.parameters(), lr=gowalla.LEARNING_RATE)

    def step(users, items, negatives):
        pairs = torch.stack(
            [torch.cat([users, users]), torch.cat([items + data.n_users, negatives + data.n_users])]
        )
        optimizer.zero_grad()
        positive, negative = model(graph, pairs).chunk(2)
        loss = model.recommendation_loss(positive, negative, node_id=pairs.unique(), lambda_reg=gowalla.L2)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, type=Path, help="folder with train.txt and test.txt")
    args = parser.parse_args()
    data = gowalla.read(args.data)
    random = np.random.default_rng(1)
    for name, make in (("original loop, torch", original), ("PyTorch Geometric", pyg)):
        try:
            step = make(data)
        except ImportError as error:
            print(f"skipped: {error}", file=sys.stderr)
            continue
        columns = triples(data, random)
        for start in range(3):
            step(*(column[start * gowalla.BATCH : (start + 1) * gowalla.BATCH] for column in columns))
        torch.cuda.synchronize()
        start = time.perf_counter()
        columns = triples(data, random)
        for first in range(0, len(data.train), gowalla.BATCH):
            step(*(column[first : first + gowalla.BATCH] for column in columns))
        torch.cuda.synchronize()
        seconds = time.perf_counter() - start
        line = {"run": f"gowalla {torch.cuda.get_device_name()}", "device": "cuda"}
        print(json.dumps({**line, "name": f"epoch of BPR, {name}", "value": seconds, "unit": "s"}), flush=True)


if __name__ == "__main__":
    main()
