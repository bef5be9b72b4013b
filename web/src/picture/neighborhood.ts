/** The neighborhood of a user: what of it is shown, and what lies on the paths through a node. */
import type { HistoryItem, Neighborhood, NeighborhoodNode } from "../types";

/** The distance of each node from the user, in steps. */
export function distances({ nodes, edges }: Neighborhood): Map<string, number> {
  const neighbors = new Map<string, string[]>();
  for (const { source, target } of edges) {
    neighbors.set(source, [...(neighbors.get(source) ?? []), target]);
    neighbors.set(target, [...(neighbors.get(target) ?? []), source]);
  }
  const found = new Map<string, number>();
  let front = nodes.filter((node) => node.kind === "self").map((node) => node.id);
  for (let distance = 0; front.length > 0; distance++) {
    const next: string[] = [];
    for (const id of front) {
      if (found.has(id)) continue;
      found.set(id, distance);
      next.push(...(neighbors.get(id) ?? []));
    }
    front = next;
  }
  return found;
}

/**
 * Reduces the graph to at most `most` groups of other users: the largest group of each item, recommended items first,
 * then the largest groups overall. Items without an edge are removed.
 */
export function thinned(graph: Neighborhood, recommended: ReadonlySet<string>, most: number): Neighborhood {
  const groups = graph.nodes.filter((node) => node.kind === "users");
  const count = new Map(groups.map((node) => [node.id, node.count ?? 0]));
  const size = (id: string) => count.get(id) ?? 0;
  const inwards = graph.edges.filter((edge) => count.has(edge.source));
  inwards.sort((a, b) => size(b.source) - size(a.source) || (a.source < b.source ? -1 : 1));
  const first = new Map<string, string>();
  for (const { source, target } of inwards) if (!first.has(target)) first.set(target, source);
  const wanted = new Set(
    graph.nodes.filter((node) => node.item && recommended.has(node.item)).map((node) => node.id),
  );
  const firsts = [...first].sort(([a], [b]) => Number(wanted.has(b)) - Number(wanted.has(a)));
  const order = [...firsts.map(([, group]) => group), ...inwards.map((edge) => edge.source)];
  const kept = new Set([...new Set(order)].slice(0, most));
  const edges = graph.edges.filter((e) => [e.source, e.target].every((id) => !count.has(id) || kept.has(id)));
  const joined = new Set(edges.flatMap((edge) => [edge.source, edge.target]));
  return { nodes: graph.nodes.filter((node) => node.kind === "self" || joined.has(node.id)), edges };
}

/** The nodes and edges on all paths from the user through a node. */
export function throughNode(graph: Neighborhood, id: string): { nodes: Set<string>; edges: Set<string> } {
  const distance = distances(graph);
  const nodes = new Set([id]);
  const edges = new Set<string>();
  const walk = (from: string, inwards: boolean) => {
    for (const { source, target } of graph.edges) {
      if (source !== from && target !== from) continue;
      const other = source === from ? target : source;
      const change = (distance.get(other) ?? 0) - (distance.get(from) ?? 0);
      if (inwards ? change >= 0 : change <= 0) continue;
      edges.add(`${source}>${target}`);
      if (nodes.has(other)) continue;
      nodes.add(other);
      walk(other, inwards);
    }
  };
  walk(id, true);
  walk(id, false);
  return { nodes, edges };
}

/**
 * Adds what the history knows: all behaviors of the user's own edges, and the edges to listed items that the user has
 * met but that the graph, which has the heaviest items of the history, left out.
 */
export function withHistory(graph: Neighborhood, history: HistoryItem[]): Neighborhood {
  const self = graph.nodes.find((node) => node.kind === "self")?.id ?? "self";
  const met = new Map(history.map((item) => [item.item, item]));
  const itemOf = (node: NeighborhoodNode | undefined) => (node?.item ? met.get(node.item) : undefined);
  const byId = new Map(graph.nodes.map((node) => [node.id, node]));
  const own = new Set(graph.edges.filter((edge) => edge.source === self).map((edge) => edge.target));
  const named = graph.edges.map((edge) => {
    const known = edge.source === self ? itemOf(byId.get(edge.target)) : undefined;
    return known ? { ...edge, behaviors: known.behaviors } : edge;
  });
  const missing = graph.nodes.flatMap((node) => {
    const known = own.has(node.id) ? undefined : itemOf(node);
    return known ? [{ source: self, target: node.id, weight: known.weight, behaviors: known.behaviors }] : [];
  });
  return { nodes: graph.nodes, edges: [...named, ...missing] };
}
