#!/usr/bin/env python3
"""Writes the golden files that the tests of lightgcn-nn are held against.

    pip install -r requirements.txt
    python make_goldens.py

LGConv and LightGCN are PyTorch Geometric's own; NGCF, KGAT, XSimGCL, EGCF, SASRec and the models over one
graph per behavior are written here in plain PyTorch from the papers' formulas. Everything runs in float64 on the CPU. Inputs
are multiples of 1/1024, so that float32 holds them exactly; outputs are
rounded to ten significant digits.
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F
import torch_geometric
from torch_geometric.nn import LGConv, LightGCN
from torch_geometric.utils import to_dense_adj

FOLDER = Path(__file__).parent
SOURCE = f"torch {torch.__version__.split('+')[0]}, torch_geometric {torch_geometric.__version__}, float64"

torch.set_default_dtype(torch.float64)
torch.use_deterministic_algorithms(True)


class Draws:
    """Numbers from one seeded generator, exact in float32."""

    def __init__(self, seed):
        self.generator = torch.Generator().manual_seed(seed)

    def values(self, *shape, scale=1.0):
        normal = torch.randn(*shape, generator=self.generator) * scale
        return torch.round(normal * 1024) / 1024

    def ids(self, n, count):
        return torch.randint(n, (count,), generator=self.generator)

    def edges(self, n_users, n_items, share):
        """Pairs with weights in 1/1024 to 1.5; the last user and the last item stay alone."""
        chosen = torch.rand(n_users, n_items, generator=self.generator) < share
        chosen[-1, :] = False
        chosen[:, -1] = False
        users, items = chosen.nonzero(as_tuple=True)
        weights = torch.randint(1, 1537, (len(users),), generator=self.generator) / 1024
        return users, items, weights


class Graph:
    def __init__(self, draws, n_users, n_items, share):
        self.n_users, self.n_items = n_users, n_items
        self.users, self.items, self.weights = draws.edges(n_users, n_items, share)
        forward = torch.stack([self.users, self.items + n_users])
        self.edge_index = torch.cat([forward, forward.flip(0)], dim=1)
        self.edge_weight = torch.cat([self.weights, self.weights])

    @property
    def n_nodes(self):
        return self.n_users + self.n_items

    def weight_of(self, weighted):
        return self.edge_weight if weighted else None

    def json(self):
        return {
            "n_users": self.n_users,
            "n_items": self.n_items,
            "edges": [
                [int(u), int(i), float(w)]
                for u, i, w in zip(self.users, self.items, self.weights)
            ],
        }

    def normalized_dense(self, weighted):
        """D^-1/2 A D^-1/2 as a dense matrix; rows of isolated nodes are zero."""
        weight = self.edge_weight if weighted else torch.ones(self.edge_index.shape[1])
        adjacency = to_dense_adj(self.edge_index, edge_attr=weight, max_num_nodes=self.n_nodes)[0]
        inverse_root = adjacency.sum(1).pow(-0.5)
        inverse_root[torch.isinf(inverse_root)] = 0.0
        return inverse_root[:, None] * adjacency * inverse_root[None, :]


def numbers(tensor):
    """A tensor as nested lists, ten significant digits."""
    if isinstance(tensor, torch.Tensor):
        tensor = tensor.detach().tolist()
    if isinstance(tensor, list):
        return [numbers(element) for element in tensor]
    return tensor if isinstance(tensor, int) else float(f"{tensor:.10g}")


def lg_conv_case(name, graph, draws, dimension, weighted):
    x = draws.values(graph.n_nodes, dimension).requires_grad_()
    coefficients = draws.values(graph.n_nodes, dimension)
    output = LGConv(normalize=True)(x, graph.edge_index, graph.weight_of(weighted))
    (output * coefficients).sum().backward()
    return {
        "name": name,
        "graph": graph.json(),
        "weighted": weighted,
        "x": numbers(x),
        "output": numbers(output),
        "coefficients": numbers(coefficients),
        "gradient": numbers(x.grad),
    }


def light_gcn_case(name, graph, draws, dimension, layers, weighted, alpha=None):
    batch, lambda_reg = 8, 0.0625
    alpha_tensor = None if alpha is None else torch.tensor(alpha)
    model = LightGCN(graph.n_nodes, dimension, layers, alpha=alpha_tensor)
    with torch.no_grad():
        model.embedding.weight.copy_(draws.values(graph.n_nodes, dimension, scale=0.5))
    users = draws.ids(graph.n_users, batch)
    positives = draws.ids(graph.n_items, batch)
    negatives = draws.ids(graph.n_items, batch)
    edge_weight = graph.weight_of(weighted)

    embeddings = model.get_embedding(graph.edge_index, edge_weight)
    positive_edges = torch.stack([users, positives + graph.n_users])
    negative_edges = torch.stack([users, negatives + graph.n_users])
    positive_scores = model(graph.edge_index, positive_edges, edge_weight)
    negative_scores = model(graph.edge_index, negative_edges, edge_weight)
    # Every row of the batch with its repetitions, as the published code regularizes.
    node_id = torch.cat([users, positives + graph.n_users, negatives + graph.n_users])
    loss = model.recommendation_loss(positive_scores, negative_scores, node_id, lambda_reg)
    bpr = model.recommendation_loss(positive_scores, negative_scores, node_id, 0.0)
    loss.backward()
    return {
        "name": name,
        "graph": graph.json(),
        "weighted": weighted,
        "layers": layers,
        "alpha": numbers(model.alpha),
        "uniform": alpha is None,
        "table": numbers(model.embedding.weight),
        "embeddings": numbers(embeddings),
        "users": users.tolist(),
        "positives": positives.tolist(),
        "negatives": negatives.tolist(),
        "positive_scores": numbers(positive_scores),
        "lambda_reg": lambda_reg,
        "bpr": numbers(bpr.item()),
        "loss": numbers(loss.item()),
        "table_gradient": numbers(model.embedding.weight.grad),
    }


def ngcf_layer(laplacian, x, w1, b1, w2, b2):
    """Wang et al. 2019, eq. 7: LeakyReLU((L + I) E W1 + (L E * E) W2), with the
    biases and the slope 0.2 of the authors' code."""
    neighbors = laplacian @ x
    return F.leaky_relu((neighbors + x) @ w1 + b1 + (neighbors * x) @ w2 + b2, 0.2)


def ngcf_case(name, graph, draws, dimension, hidden, weighted):
    laplacian = graph.normalized_dense(weighted)
    table = draws.values(graph.n_nodes, dimension, scale=0.5).requires_grad_()
    widths = [dimension, *hidden]
    layers = []
    for d_input, d_output in zip(widths, widths[1:]):
        layers.append(
            {
                "w1": draws.values(d_input, d_output, scale=0.5).requires_grad_(),
                "b1": draws.values(d_output, scale=0.5).requires_grad_(),
                "w2": draws.values(d_input, d_output, scale=0.5).requires_grad_(),
                "b2": draws.values(d_output, scale=0.5).requires_grad_(),
            }
        )
    x, outputs = table, [table]
    for layer in layers:
        x = ngcf_layer(laplacian, x, **layer)
        # The authors' code hands the layer's own output on and stores it L2-normalized.
        outputs.append(F.normalize(x, dim=1))
    embeddings = torch.cat(outputs, dim=1)
    coefficients = draws.values(*embeddings.shape)
    (embeddings * coefficients).sum().backward()
    return {
        "name": name,
        "graph": graph.json(),
        "weighted": weighted,
        "dimension": dimension,
        "hidden": hidden,
        "table": numbers(table),
        "layers": [{key: numbers(value) for key, value in layer.items()} for layer in layers],
        "embeddings": numbers(embeddings),
        "coefficients": numbers(coefficients),
        "table_gradient": numbers(table.grad),
        "layer_gradients": [
            {key: numbers(value.grad) for key, value in layer.items()} for layer in layers
        ],
    }


def layers_of(matrix, x, count):
    """x and the outputs of `count` layers without parameters."""
    outputs = [x]
    for _ in range(count):
        outputs.append(matrix @ outputs[-1])
    return outputs


def crgcn(matrices, table, layers, parameters, n_users):
    """Yan et al. 2023, as in the authors' code without biases."""
    total = table
    for matrix in matrices:
        total = total + F.normalize(layers_of(matrix, total, layers)[-1], dim=1)
    return total


def mb_cgcn(matrices, table, layers, parameters, n_users):
    """Cheng et al. 2023, as in the authors' code."""
    x, outputs = table, []
    for number, matrix in enumerate(matrices):
        outputs.append(torch.stack(layers_of(matrix, x, layers)).mean(0))
        if number + 1 < len(matrices):
            users, items = parameters[2 * number : 2 * number + 2]
            x = torch.cat([outputs[-1][:n_users] @ users, outputs[-1][n_users:] @ items])
    return sum(outputs)


def mbgcn(matrices, table, layers, parameters, n_users):
    """Jin et al. 2020, section 3.2: behaviors weighted by a softmax."""
    weights = torch.softmax(parameters[0], dim=0)
    union = sum(weight * matrix for weight, matrix in zip(weights, matrices))
    return torch.stack(layers_of(union, table, layers)).mean(0)


def behavior_case(name, model, graphs, draws, dimension, layers):
    n_users, n_nodes = graphs[0].n_users, graphs[0].n_nodes
    shapes = {
        crgcn: [],
        mb_cgcn: [(dimension, dimension)] * (2 * len(graphs) - 2),
        mbgcn: [(len(graphs),)],
    }[model]
    table = draws.values(n_nodes, dimension, scale=0.5).requires_grad_()
    parameters = [draws.values(*shape, scale=0.5).requires_grad_() for shape in shapes]
    coefficients = draws.values(n_nodes, dimension)
    matrices = [graph.normalized_dense(False) for graph in graphs]
    embeddings = model(matrices, table, layers, parameters, n_users)
    (embeddings * coefficients).sum().backward()
    return {
        "name": name,
        "model": model.__name__.replace("_", "-"),
        "graphs": [graph.json() for graph in graphs],
        "layers": layers,
        "table": numbers(table),
        "parameters": [numbers(parameter) for parameter in parameters],
        "embeddings": numbers(embeddings),
        "coefficients": numbers(coefficients),
        "table_gradient": numbers(table.grad),
        "parameter_gradients": [numbers(parameter.grad) for parameter in parameters],
    }


def both_ways(graphs):
    """(relation, head, tail) of all edges: 2 g along those of graph g, 2 g + 1 against them."""
    edges = []
    for number, graph in enumerate(graphs):
        edges += [(2 * number, head, tail) for head, tail in graph]
        edges += [(2 * number + 1, tail, head) for head, tail in graph]
    return edges


def kgat_attention(graphs, table, relations):
    """Wang et al. 2019, equations 4 and 5; several relations of two nodes add up."""
    n_nodes = len(table)
    attention = torch.zeros(n_nodes, n_nodes)
    edges = both_ways(graphs)
    for node in range(n_nodes):
        ends = [(r, tail) for r, head, tail in edges if head == node]
        if not ends:
            continue
        scores = torch.stack(
            [
                (table[tail] @ relations[r]["map"])
                @ torch.tanh(table[node] @ relations[r]["map"] + relations[r]["translation"][0])
                for r, tail in ends
            ]
        )
        for share, (_, tail) in zip(torch.softmax(scores, 0), ends):
            attention[node, tail] += share
    # The authors' code does not differentiate it.
    return attention.detach()


def kgat_distance(table, relations, r, head, tail):
    """Equation 1."""
    map_, translation = relations[r]["map"], relations[r]["translation"][0]
    return (table[head] @ map_ + translation - table[tail] @ map_).square().sum()


def kgat_case(name, counts, graphs, draws, dimension, relation_dimension, hidden):
    n_nodes = sum(counts)
    table = draws.values(n_nodes, dimension, scale=0.5).requires_grad_()
    relations = [
        {
            "map": draws.values(dimension, relation_dimension, scale=0.5).requires_grad_(),
            "translation": draws.values(1, relation_dimension, scale=0.5).requires_grad_(),
        }
        for _ in range(2 * len(graphs))
    ]
    widths = [dimension, *hidden]
    layers = [
        {
            "w1": draws.values(d_input, d_output, scale=0.5).requires_grad_(),
            "b1": draws.values(d_output, scale=0.5).requires_grad_(),
            "w2": draws.values(d_input, d_output, scale=0.5).requires_grad_(),
            "b2": draws.values(d_output, scale=0.5).requires_grad_(),
        }
        for d_input, d_output in zip(widths, widths[1:])
    ]
    attention = kgat_attention(graphs, table, relations)
    x, outputs = table, [table]
    for layer in layers:
        # Equation 8, with the biases and the slope 0.2 of the authors' code.
        neighbors = attention @ x
        x = F.leaky_relu((x + neighbors) @ layer["w1"] + layer["b1"], 0.2) + F.leaky_relu(
            (x * neighbors) @ layer["w2"] + layer["b2"], 0.2
        )
        outputs.append(F.normalize(x, dim=1))
    embeddings = torch.cat(outputs, dim=1)
    coefficients = draws.values(*embeddings.shape)
    parameters = [value for layer in layers for value in layer.values()]
    gradients = torch.autograd.grad((embeddings * coefficients).sum(), [table, *parameters])

    edges = both_ways(graphs)
    facts = [(*edges[n], int(o)) for n, o in zip(draws.ids(len(edges), 9), draws.ids(n_nodes, 9))]
    loss = torch.stack(
        [
            # Equation 2.
            -F.logsigmoid(
                kgat_distance(table, relations, r, head, other)
                - kgat_distance(table, relations, r, head, tail)
            )
            for r, head, tail, other in facts
        ]
    ).mean()
    spaces = [value for relation in relations for value in relation.values()]
    of_loss = torch.autograd.grad(loss, [table, *spaces], allow_unused=True, materialize_grads=True)
    as_json = lambda parts: [{key: numbers(value) for key, value in part.items()} for part in parts]
    return {
        "name": name,
        "counts": counts,
        "graphs": graphs,
        "table": numbers(table),
        "relations": as_json(relations),
        "layers": as_json(layers),
        "attention": numbers(attention),
        "embeddings": numbers(embeddings),
        "coefficients": numbers(coefficients),
        "table_gradient": numbers(gradients[0]),
        "layer_gradients": [numbers(gradient) for gradient in gradients[1:]],
        "facts": [list(fact) for fact in facts],
        "translation_loss": numbers(loss.item()),
        "translation_table_gradient": numbers(of_loss[0]),
        "translation_gradients": [numbers(gradient) for gradient in of_loss[1:]],
    }


def info_nce(first, second, temperature):
    """Each row against all rows of the other view, by cosine."""
    logits = F.normalize(first, dim=1) @ F.normalize(second, dim=1).T / temperature
    return F.cross_entropy(logits, torch.arange(len(logits)))


def xsimgcl_case(name, graph, draws, dimension, layers, contrast_layer, temperature, weighted):
    """Yu et al. 2023; the mean is over the layers without layer 0, as in the authors' code."""
    matrix, n_users = graph.normalized_dense(weighted), graph.n_users
    table = draws.values(graph.n_nodes, dimension, scale=0.5).requires_grad_()
    coefficients = draws.values(graph.n_nodes, dimension)
    uniform = torch.rand(layers, graph.n_nodes, dimension, generator=draws.generator)
    noise = 0.2 * F.normalize(uniform, dim=2)
    x, outputs = table, [table]
    for shift in noise:
        x = matrix @ x
        x = x + x.detach().sign() * shift
        outputs.append(x)
    embeddings, contrasted = torch.stack(outputs[1:]).mean(0), outputs[contrast_layer]
    gradient = torch.autograd.grad((embeddings * coefficients).sum(), table, retain_graph=True)[0]
    users, items = draws.ids(n_users, 12), draws.ids(graph.n_items, 12)
    rows = [users.unique(), items.unique() + n_users]
    loss = sum(info_nce(embeddings[ids], contrasted[ids], temperature) for ids in rows)
    of_loss = torch.autograd.grad(loss, table)[0]
    return {
        "name": name,
        "graph": graph.json(),
        "weighted": weighted,
        "layers": layers,
        "contrast_layer": contrast_layer,
        "temperature": temperature,
        "table": numbers(table),
        "noise": numbers(noise),
        "embeddings": numbers(embeddings),
        "contrasted": numbers(contrasted),
        "coefficients": numbers(coefficients),
        "table_gradient": numbers(gradient),
        "users": users.tolist(),
        "items": items.tolist(),
        "contrastive_loss": numbers(loss.item()),
        "contrastive_table_gradient": numbers(of_loss),
        "inference": numbers(torch.stack(layers_of(matrix, table, layers)[1:]).mean(0)),
    }


def egcf_layers(matrix, items, layers, iteration):
    """Zhang et al. 2024, with `matrix` the users' rows and the items' columns of the adjacency."""
    users = torch.tanh(matrix @ items)
    for layer in range(layers):
        if iteration == "alternating":
            users = torch.tanh(matrix @ items)
            items = torch.tanh(matrix.T @ users)
        else:
            users, items = torch.tanh(matrix @ items), torch.tanh(matrix.T @ users)
        yield torch.cat([users, items])


def egcf_case(name, graph, draws, dimension, layers, iteration, temperature, weighted):
    n_users = graph.n_users
    matrix = graph.normalized_dense(weighted)[:n_users, n_users:]
    table = draws.values(graph.n_items, dimension, scale=0.5).requires_grad_()
    coefficients = draws.values(graph.n_nodes, dimension)
    embeddings = sum(egcf_layers(matrix, table, layers, iteration))
    gradient = torch.autograd.grad((embeddings * coefficients).sum(), table, retain_graph=True)[0]
    pairs = draws.ids(len(graph.users), 9)
    users, items = graph.users[pairs], graph.items[pairs]
    of_users, of_items = embeddings[users], embeddings[items + n_users]
    loss = (
        info_nce(of_users, of_users, temperature)
        + info_nce(of_items, of_items, temperature)
        + info_nce(of_users, of_items, temperature)
    )
    of_loss = torch.autograd.grad(loss, table)[0]
    return {
        "name": name,
        "graph": graph.json(),
        "weighted": weighted,
        "layers": layers,
        "iteration": iteration,
        "temperature": temperature,
        "items_table": numbers(table),
        "embeddings": numbers(embeddings),
        "coefficients": numbers(coefficients),
        "items_gradient": numbers(gradient),
        "users": users.tolist(),
        "items": items.tolist(),
        "contrastive_loss": numbers(loss.item()),
        "contrastive_items_gradient": numbers(of_loss),
    }


def sasrec_block(draws, dimension):
    square = lambda: draws.values(dimension, dimension, scale=0.5).requires_grad_()
    row = lambda: draws.values(dimension, scale=0.5).requires_grad_()
    norm = lambda: {"gamma": row(), "beta": row()}
    linear = lambda: {"weight": square(), "bias": row()}
    return {
        "attention_norm": norm(),
        "query": square(),
        "key": square(),
        "value": square(),
        "forward_norm": norm(),
        "inner": linear(),
        "outer": linear(),
    }


def layer_norm(x, norm):
    return F.layer_norm(x, x.shape[-1:], norm["gamma"], norm["beta"], 1e-5)


def sasrec_layer(x, block):
    """Kang and McAuley 2018, section III-B, one head; `x` is [n, length, dim]."""
    length, dimension = x.shape[1:]
    normed = layer_norm(x, block["attention_norm"])
    query, key, value = (normed @ block[name] for name in ("query", "key", "value"))
    scores = query @ key.transpose(1, 2) / dimension**0.5
    later = torch.triu(torch.ones(length, length, dtype=torch.bool), diagonal=1)
    x = x + torch.softmax(scores.masked_fill(later, -torch.inf), dim=2) @ value
    inner = layer_norm(x, block["forward_norm"]) @ block["inner"]["weight"]
    inner = F.relu(inner + block["inner"]["bias"])
    return x + inner @ block["outer"]["weight"] + block["outer"]["bias"]


def sasrec_outputs(history, table, places, blocks, norm):
    """One history at a time, so that there is nothing beyond its end: [length, dim]."""
    x = table.shape[1] ** 0.5 * table[history] + places[len(places) - len(history) :]
    x = x[None]
    for block in blocks:
        x = sasrec_layer(x, block)
    return layer_norm(x, norm)[0]


def sasrec_case(name, draws, n_items, dimension, n_blocks, histories, others, temperature):
    most, n_users = 6, len(histories)
    table = draws.values(n_items, dimension, scale=0.5).requires_grad_()
    places = draws.values(most, dimension, scale=0.5).requires_grad_()
    blocks = [sasrec_block(draws, dimension) for _ in range(n_blocks)]
    norm = {"gamma": draws.values(dimension), "beta": draws.values(dimension)}
    x = draws.values(3, most, dimension).requires_grad_()
    coefficients = draws.values(3, most, dimension)
    output = sasrec_layer(x, blocks[0])
    of_input = torch.autograd.grad((output * coefficients).sum(), x)[0]

    outputs = lambda history: sasrec_outputs(history, table, places, blocks, norm)
    known = [history for history in histories if len(history) > 1]
    following = [item for history in known for item in history[1:]]
    candidates = sorted({*following, *others})
    logits = torch.cat([outputs(history[:-1]) for history in known]) @ table[candidates].T
    right = torch.tensor([candidates.index(item) for item in following])
    loss = F.cross_entropy(logits / temperature, right)
    maps = [
        [b["query"], b["key"], b["value"], b["inner"]["weight"], b["outer"]["weight"]] for b in blocks
    ]
    maps = [parameter for block in maps for parameter in block]
    gradients = torch.autograd.grad(loss, [table, places, *maps], retain_graph=True)
    nothing = torch.zeros(dimension)
    users = [outputs(history)[-1] if history else nothing for history in histories]
    as_json = lambda part: (
        {key: as_json(value) for key, value in part.items()}
        if isinstance(part, dict)
        else numbers(part)
    )
    return {
        "name": name,
        "n_users": n_users,
        "n_items": n_items,
        "items_table": numbers(table),
        "places": numbers(places),
        "blocks": [as_json(block) for block in blocks],
        "norm": as_json(norm),
        "temperature": temperature,
        "block_length": most,
        "block_input": numbers(x.flatten(0, 1)),
        "coefficients": numbers(coefficients.flatten(0, 1)),
        "block_output": numbers(output.flatten(0, 1)),
        "block_gradient": numbers(of_input.flatten(0, 1)),
        "histories": histories,
        "others": others,
        "loss": numbers(loss.item()),
        "items_gradient": numbers(gradients[0]),
        "places_gradient": numbers(gradients[1]),
        "map_gradients": [numbers(gradient) for gradient in gradients[2:]],
        "embeddings": numbers(torch.cat([torch.stack(users), table])),
    }


def bpr_case(name, draws, batch, n_negatives, scale):
    positives = draws.values(batch, scale=scale).requires_grad_()
    negatives = draws.values(batch, n_negatives, scale=scale).requires_grad_()
    weights = draws.values(batch).abs()
    terms = -F.logsigmoid(positives[:, None] - negatives)
    loss = terms.mean()
    weighted_loss = (weights[:, None] * terms).mean()
    positive_gradient, negative_gradient = torch.autograd.grad(
        loss, [positives, negatives], retain_graph=True
    )
    weighted_positive_gradient = torch.autograd.grad(weighted_loss, positives)[0]
    return {
        "name": name,
        "positive_scores": numbers(positives),
        "negative_scores": numbers(negatives),
        "weights": numbers(weights),
        "loss": numbers(loss.item()),
        "weighted_loss": numbers(weighted_loss.item()),
        "positive_gradient": numbers(positive_gradient),
        "negative_gradient": numbers(negative_gradient),
        "weighted_positive_gradient": numbers(weighted_positive_gradient),
    }


def write(name, cases):
    path = FOLDER / name
    path.write_text(json.dumps({"source": SOURCE, "cases": cases}) + "\n")
    print(f"{path.name}: {path.stat().st_size} bytes")


def main():
    draws = Draws(20200213)
    small = Graph(draws, 6, 7, 0.4)
    medium = Graph(draws, 16, 20, 0.25)
    write(
        "lg_conv.json",
        [
            lg_conv_case("small, no edge weights", small, draws, 3, False),
            lg_conv_case("small, edge weights", small, draws, 3, True),
            lg_conv_case("medium, edge weights", medium, draws, 8, True),
        ],
    )
    given = [0.5, 0.25, -0.125]
    write(
        "light_gcn.json",
        [
            light_gcn_case("K = 0", small, draws, 4, 0, True),
            light_gcn_case("K = 1, no edge weights", small, draws, 4, 1, False),
            light_gcn_case("K = 3, no edge weights", small, draws, 4, 3, False),
            light_gcn_case("K = 3, edge weights", small, draws, 4, 3, True),
            light_gcn_case("K = 2, given alpha, edge weights", small, draws, 4, 2, True, given),
            light_gcn_case("K = 3, medium, edge weights", medium, draws, 8, 3, True),
        ],
    )
    write(
        "ngcf.json",
        [
            ngcf_case("one layer", small, draws, 4, [4], False),
            ngcf_case("two layers, edge weights", small, draws, 4, [5, 3], True),
            ngcf_case("three layers, medium, edge weights", medium, draws, 6, [6, 6, 4], True),
        ],
    )
    write(
        "bpr.json",
        [
            bpr_case("one negative", draws, 5, 1, 1.0),
            bpr_case("four negatives", draws, 6, 4, 1.0),
            bpr_case("large scores", draws, 6, 3, 40.0),
        ],
    )
    draws = Draws(20230430)
    behaviors = [Graph(draws, 6, 7, share) for share in (0.6, 0.4, 0.2)]
    write(
        "behaviors.json",
        [
            behavior_case("one layer", crgcn, behaviors, draws, 4, 1),
            behavior_case("two layers", crgcn, behaviors, draws, 4, 2),
            behavior_case("one behavior", crgcn, behaviors[2:], draws, 4, 1),
            behavior_case("one layer", mb_cgcn, behaviors, draws, 4, 1),
            behavior_case("three layers", mb_cgcn, behaviors, draws, 4, 3),
            behavior_case("one behavior", mb_cgcn, behaviors[2:], draws, 4, 2),
            behavior_case("one layer", mbgcn, behaviors, draws, 4, 1),
            behavior_case("two layers", mbgcn, behaviors, draws, 4, 2),
        ],
    )
    draws = Draws(20190804)
    # Three users, four items and three entities; the last user and the last entity are alone. Item 4 is
    # linked to entity 7 by two relations.
    counts = [3, 4, 3]
    pairs = [[0, 3], [0, 4], [1, 4], [1, 5], [1, 6]]
    genre = [[3, 7], [4, 7], [5, 8]]
    sequel = [[4, 3], [4, 7], [8, 7]]
    write(
        "kgat.json",
        [
            kgat_case("pairs alone", counts, [pairs], draws, 4, 4, [4]),
            kgat_case("two relations", counts, [pairs, genre, sequel], draws, 4, 3, [5, 3]),
        ],
    )
    draws = Draws(20230707)
    write(
        "xsimgcl.json",
        [
            xsimgcl_case("one layer and the table", small, draws, 4, 1, 0, 0.2, False),
            xsimgcl_case("two layers, edge weights", small, draws, 4, 2, 1, 0.15, True),
            xsimgcl_case("three layers, medium", medium, draws, 8, 3, 2, 0.2, True),
        ],
    )
    draws = Draws(20241001)
    write(
        "egcf.json",
        [
            egcf_case("one layer", small, draws, 4, 1, "parallel", 0.2, False),
            egcf_case("three layers, medium", medium, draws, 8, 3, "parallel", 0.1, True),
            egcf_case("one layer", small, draws, 4, 1, "alternating", 0.2, False),
            egcf_case("three layers, medium", medium, draws, 8, 3, "alternating", 0.1, True),
        ],
    )

    draws = Draws(20181117)
    write(
        "sasrec.json",
        [
            sasrec_case("one block", draws, 5, 4, 1, [[0, 1, 2, 3], [2], []], [4, 1], 1.0),
            sasrec_case(
                "two blocks",
                draws,
                9,
                6,
                2,
                [[0, 1, 2, 3, 4, 5], [7, 2, 7], [], [8], [3, 6]],
                [8, 8, 0],
                0.5,
            ),
        ],
    )


if __name__ == "__main__":
    main()
