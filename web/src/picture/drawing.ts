/** What the pictures of paths and of neighborhoods consist of. */
import * as text from "../text";
import type { BehaviorCount, ExplainedPath, Neighborhood, NeighborhoodNode, PathNode } from "../types";
import type { Drawing, DrawnEdge, DrawnNode } from "./layout";
import { distances } from "./neighborhood";

const USER = "user";

/** Maps a value in [0, most] to a size by its square root, so that areas are comparable. */
const scaled = (value: number, most: number, low: number, high: number) =>
  low + (high - low) * Math.sqrt(Math.max(0, value) / (most || 1));

/** The nodes and edges of a path, by the ids that {@link drawPaths} gives them. */
export function pathParts(path: ExplainedPath, number: number): { nodes: string[]; edges: string[] } {
  const name = (node: PathNode, step: number) => {
    switch (node.kind) {
      case "user":
        return USER;
      case "item":
        return `item:${node.item}`;
      case "entity":
        return `entity:${node.name}`;
      case "other_users":
        return `users:${number}:${step}`;
    }
  };
  const ends = path.edges.map((edge, step) => name(edge.to, step));
  // A direct edge runs below the others, through places of its own.
  const nodes = path.edges.length === 1 ? [USER, `pass:${number}`, ...ends] : [USER, ...ends];
  const edges = nodes.slice(1).map((node, step) => `${nodes[step]}>${node}`);
  return { nodes, edges };
}

/** The paths of an explanation, the width of an edge being the strength of its path. */
export function drawPaths(paths: ExplainedPath[], item: string): Drawing {
  const strongest = Math.max(...paths.map((path) => path.strength), 0);
  const last = Math.max(2, ...paths.map((path) => path.edges.length));
  const target = `item:${item}`;
  const nodes = new Map<string, DrawnNode>();
  const edges = new Map<string, DrawnEdge>();
  paths.forEach((path, number) => {
    const { nodes: names, edges: edgeNames } = pathParts(path, number);
    const direct = path.edges.length === 1;
    const did = path.edges[0]?.behaviors ?? [];
    names.forEach((id, step) => {
      const node = step === 0 ? ({ kind: "user" } as const) : path.edges[direct ? 0 : step - 1]?.to;
      if (nodes.has(id) || !node) return;
      const layer = id === target ? last : step;
      if (direct && step === 1) {
        nodes.set(id, { id, role: "pass", layer, name: text.doings(did) || "met", size: 0 });
        return;
      }
      const note = step === 1 && !direct ? text.doings(did) : "";
      nodes.set(id, { ...station(node, id === target), id, layer, note });
    });
    edgeNames.forEach((id, step) => {
      const size = scaled(path.strength, strongest, 1.2, 6);
      const known = edges.get(id);
      if (known) known.size = Math.max(known.size, size);
      else {
        const edge = path.edges[direct ? 0 : step];
        const name = edge?.relation?.name ?? edgeName(edge?.behaviors ?? []);
        edges.set(id, { id, source: names[step] ?? "", target: names[step + 1] ?? "", size, name });
      }
    });
  });
  return { nodes: [...nodes.values()], edges: [...edges.values()] };
}

const edgeName = (behaviors: BehaviorCount[]) => text.doings(behaviors) || "met";

function station(node: PathNode, isTarget: boolean): Omit<DrawnNode, "id" | "layer"> {
  switch (node.kind) {
    case "user":
      return { role: "user", name: "Customer", size: 7 };
    case "other_users":
      return group(node.count);
    case "item": {
      const name = isTarget ? "This product" : text.title(node.item, node.details);
      return { role: isTarget ? "target" : "history", name, size: isTarget ? 8 : 6 };
    }
    case "entity":
      return { role: "other", name: node.name, size: 6 };
  }
}

const group = (count: number): Omit<DrawnNode, "id" | "layer"> => ({
  role: "others",
  name: text.plural(count, "other customer"),
  inside: text.count(count),
  size: Math.min(17, 11 + Math.log10(count) * 2),
});

/** The customer, their products, groups of other customers who share them, and the other products of these groups. */
export function drawNeighborhood(graph: Neighborhood, recommended: ReadonlySet<string>): Drawing {
  const distance = distances(graph);
  const reached = graph.nodes.filter((node) => distance.has(node.id));
  const kinds = new Map(graph.nodes.map((node) => [node.id, node.kind]));
  // The customer's weights and the sums over groups have separate scales, since one would hide the other.
  const own = ({ source, target }: { source: string; target: string }) =>
    kinds.get(source) === "self" || kinds.get(target) === "self";
  const edges = graph.edges.filter(({ source, target }) => distance.has(source) && distance.has(target));
  const heaviest = (mine: boolean) =>
    Math.max(...edges.filter((e) => own(e) === mine).map((e) => e.weight), 0);
  const most = { own: heaviest(true), others: heaviest(false) };
  const did = new Map(edges.filter(own).map((edge) => [edge.target, text.doings(edge.behaviors ?? [])]));
  const nodes = reached.map((node) => ({
    ...neighbor(node, distance.get(node.id) ?? 0, recommended),
    note: did.get(node.id),
  }));
  const drawn = edges.map((edge) => ({
    id: `${edge.source}>${edge.target}`,
    source: edge.source,
    target: edge.target,
    size: scaled(edge.weight, own(edge) ? most.own : most.others, 1, 4.5),
    name: did.get(edge.target) || "met",
  }));
  return { nodes, edges: drawn };
}

function neighbor(node: NeighborhoodNode, layer: number, recommended: ReadonlySet<string>): DrawnNode {
  const { id } = node;
  if (node.kind === "self") return { id, layer, role: "user", name: "Customer", size: 8 };
  if (node.kind === "users") return { id, layer, ...group(node.count ?? 0) };
  const item = node.item ?? id.replace(/^item:/, "");
  const role = recommended.has(item) ? "target" : layer === 1 ? "history" : "other";
  return { id, layer, role, name: text.title(item, node.details), size: 6 };
}
