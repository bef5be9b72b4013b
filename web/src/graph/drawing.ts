/** Layouts of graphs as plain data, independent of the library that draws them. */
import { shortTitle } from "../text";
import type { ExplainedPath, Explanation, Neighborhood, NeighborhoodNode, PathNode } from "../types";

export type Role = "user" | "history" | "others" | "other" | "target";

export interface DrawnNode {
  id: string;
  role: Role;
  label: string;
  /** Text inside the node, such as a number of users. */
  inside?: string;
  x: number;
  y: number;
  /** Whether the label shows only while the node is highlighted. */
  quiet?: boolean;
  /** Whether the label is above the node instead of below it. */
  above?: boolean;
  /** Radius in pixels. */
  size: number;
  /** The id of the item that the node represents. */
  item?: string;
}

export interface DrawnEdge {
  id: string;
  source: string;
  target: string;
  /** Width in pixels. */
  size: number;
  /** Whether it is highlighted while the pointer is elsewhere. */
  lit?: boolean;
}

export interface Drawing {
  nodes: DrawnNode[];
  edges: DrawnEdge[];
  padding: number;
}

export interface Box {
  width: number;
  height: number;
}

const USER = "user";

/** Maps a value in [0, most] to a size by its square root, so that areas are comparable. */
const scaled = (value: number, most: number, low: number, high: number) =>
  low + (high - low) * Math.sqrt(Math.max(0, value) / (most || 1));

/** The nodes and edges of a path, by the ids that {@link drawExplanation} gives them. */
export function pathParts(path: ExplainedPath, number: number): { nodes: string[]; edges: string[] } {
  const name = (node: PathNode, step: number) =>
    node.kind === "user" ? USER : node.kind === "item" ? `item:${node.item}` : `users:${number}:${step}`;
  const nodes = path.edges.map((edge, step) => name(edge.to, step));
  const stations = [USER, ...nodes];
  const edges = path.edges.map((_, step) => `${stations[step]}>${stations[step + 1]}`);
  return { nodes: stations, edges };
}

/**
 * Lays out the paths of an explanation in layers: the user, their items, other users, the explained item. Each path
 * has its own lane, and the width of an edge shows the strength of the path. Layers run from left to right, or from
 * top to bottom in a narrow box.
 */
export function drawExplanation(explanation: Explanation, box: Box): Drawing {
  const { paths } = explanation;
  const strongest = Math.max(...paths.map((path) => path.strength), 0);
  const last = Math.max(1, ...paths.map((path) => path.edges.length));
  const downwards = box.width < 335;
  const [along, across] = downwards ? [box.height, box.width] : [box.width, box.height];
  // A path of one edge runs through the middle, which the others leave free.
  const longer = paths.map((_, number) => number).filter((number) => (paths[number]?.edges.length ?? 0) > 1);
  const direct = longer.length < paths.length;
  const lanes = longer.length + (direct ? 1 : 0);
  const free = direct ? Math.floor(lanes / 2) : lanes;
  const laneOf = (number: number) => {
    const lane = longer.indexOf(number);
    return lane < free ? lane : lane + 1;
  };
  const place = (layer: number, lane: number) => {
    const a = (layer / last) * along;
    const c = lanes > 1 ? (lane / (lanes - 1)) * across : across / 2;
    return downwards ? { x: c, y: along - a } : { x: a, y: across - c };
  };
  const nodes = new Map<string, DrawnNode & { lanes: number[]; layer: number }>();
  const edges = new Map<string, DrawnEdge>();
  const target = `item:${explanation.item}`;
  paths.forEach((path, number) => {
    const { nodes: names, edges: edgeNames } = pathParts(path, number);
    names.forEach((id, step) => {
      const known = nodes.get(id);
      if (known) {
        known.lanes.push(laneOf(number));
        return;
      }
      const node = step === 0 ? ({ kind: "user" } as const) : path.edges[step - 1]?.to;
      if (!node) return;
      const layer = id === target ? last : step;
      const station = drawnStation(node, id === target);
      if (station.role === "history") station.size = scaled(path.strength, strongest, 5, 10);
      // There is no room for names side by side, so the node shows the number of its path in the list.
      if (downwards && station.role === "history")
        Object.assign(station, { label: "", inside: `${number + 1}.`, size: 11 });
      nodes.set(id, { ...station, id, x: 0, y: 0, lanes: [laneOf(number)], layer });
    });
    edgeNames.forEach((id, step) => {
      const size = scaled(path.strength, strongest, 1.2, 6);
      const known = edges.get(id);
      if (known) known.size = Math.max(known.size, size);
      else edges.set(id, { id, source: names[step] ?? "", target: names[step + 1] ?? "", size, lit: true });
    });
  });
  const middle = (lanes - 1) / 2;
  const drawn = [...nodes.values()].map(({ lanes: own, layer, ...node }) => {
    const ends = node.id === USER || node.id === target;
    const lane = ends ? middle : own.reduce((sum, n) => sum + n, 0) / own.length;
    return { ...node, ...place(layer, lane), above: downwards && layer === 0 };
  });
  return { nodes: drawn, edges: [...edges.values()], padding: 38 };
}

function drawnStation(
  node: PathNode,
  isTarget: boolean,
): Pick<DrawnNode, "role" | "label" | "inside" | "size" | "item"> {
  switch (node.kind) {
    case "user":
      return { role: "user", label: "User", size: 11 };
    case "other_users": {
      const size = Math.min(17, 10 + 1.4 * Math.log2(node.count));
      return { role: "others", label: "", inside: String(node.count), size };
    }
    case "item": {
      const text = isTarget ? "This item" : shortTitle(node.item, node.details);
      const label = text.length > 17 ? `${text.slice(0, 16)}\u2026` : text;
      return { role: isTarget ? "target" : "history", label, size: isTarget ? 12 : 8, item: node.item };
    }
  }
}

/** The distance of each node from the user, in steps. */
function distances({ nodes, edges }: Neighborhood): Map<string, number> {
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

/** Nodes on rings, each ring in an order that keeps neighbors close to each other. */
class Rings {
  private readonly angles = new Map<string, number>();
  private readonly links = new Map<string, string[]>();

  constructor(
    readonly rings: string[][],
    edges: { source: string; target: string }[],
  ) {
    for (const { source, target } of edges) {
      this.links.set(source, [...(this.links.get(source) ?? []), target]);
      this.links.set(target, [...(this.links.get(target) ?? []), source]);
    }
    rings.forEach((ring, n) => {
      this.settle(ring, n === 1 ? -Math.PI / 2 : null);
    });
  }

  angle(id: string): number {
    return this.angles.get(id) ?? 0;
  }

  /** Orders every ring by the angles of its neighbors, outwards and back, and keeps the best arrangement found. */
  arrange(rounds: number): void {
    let best = new Map(this.angles);
    let least = this.strain();
    for (let round = 0; round < rounds; round++) {
      const order = this.rings.map((_, n) => n).slice(1);
      if (round % 2) order.reverse();
      for (const n of order) this.sort(n);
      const strain = this.strain();
      if (strain < least - 1e-9) [best, least] = [new Map(this.angles), strain];
    }
    for (const [id, angle] of best) this.angles.set(id, angle);
  }

  private sort(n: number): void {
    const ring = this.rings[n] ?? [];
    const wanted = new Map(ring.map((id) => [id, this.mean(id)]));
    ring.sort((a, b) => (wanted.get(a) ?? 0) - (wanted.get(b) ?? 0) || (a < b ? -1 : 1));
    const step = (2 * Math.PI) / Math.max(1, ring.length);
    const x = ring.reduce((sum, id, k) => sum + Math.cos((wanted.get(id) ?? 0) - k * step), 0);
    const y = ring.reduce((sum, id, k) => sum + Math.sin((wanted.get(id) ?? 0) - k * step), 0);
    this.settle(ring, Math.atan2(y, x));
  }

  /** The mean direction of a node's neighbors; its own if it has none. */
  private mean(id: string): number {
    const middle = this.rings[0]?.[0];
    const near = (this.links.get(id) ?? [])
      .filter((other) => other !== middle)
      .map((other) => this.angle(other));
    if (near.length === 0) return this.angle(id);
    const sum = (f: (a: number) => number) => near.reduce((total, a) => total + f(a), 0);
    return Math.atan2(sum(Math.sin), sum(Math.cos));
  }

  private settle(ring: string[], turn: number | null): void {
    const step = (2 * Math.PI) / Math.max(1, ring.length);
    ring.forEach((id, k) => {
      this.angles.set(id, (turn ?? 0) + k * step);
    });
  }

  /** How far apart neighbors are, by angle. */
  private strain(): number {
    let sum = 0;
    for (const [id, others] of this.links) {
      for (const other of others) sum += 1 - Math.cos(this.angle(id) - this.angle(other));
    }
    return sum;
  }
}

const RADII = [0, 0.4, 0.7, 1];

/**
 * Lays out the neighborhood in rings: the user at the center, their items around them, then groups of other users,
 * then the items of those groups.
 */
export function drawNeighborhood(graph: Neighborhood, recommended: ReadonlySet<string>, box: Box): Drawing {
  const distance = distances(graph);
  const reached = graph.nodes.filter((node) => distance.has(node.id));
  const largest = Math.max(...reached.map((node) => node.count ?? 0), 1);
  const furthest = Math.max(0, ...distance.values());
  const rings = Array.from({ length: furthest + 1 }, (_, ring) =>
    reached.filter((node) => distance.get(node.id) === ring).map((node) => node.id),
  );
  const places = new Rings(rings, graph.edges);
  places.arrange(24);
  const padding = box.width < 500 ? 36 : 44;
  const stretch = Math.min(1.9, Math.max(0.55, (box.width - 2 * padding) / (box.height - 2 * padding)));
  const edges = graph.edges.filter(({ source, target }) => distance.has(source) && distance.has(target));
  // The user's weights and the sums over groups have separate scales, since one would hide the other.
  const own = ({ source, target }: { source: string; target: string }) =>
    distance.get(source) === 0 || distance.get(target) === 0;
  const heaviest = (mine: boolean) =>
    Math.max(...edges.filter((e) => own(e) === mine).map((e) => e.weight), 0);
  const most = { own: heaviest(true), others: heaviest(false) };
  const met = new Map(edges.filter(own).map((edge) => [edge.target, edge.weight]));
  const nodes = reached.map((node) => {
    const ring = distance.get(node.id) ?? 0;
    const radius = RADII[Math.min(ring, RADII.length - 1)] ?? 1;
    const angle = places.angle(node.id);
    const position = { x: radius * stretch * Math.cos(angle), y: radius * Math.sin(angle) };
    const quiet = box.width < 500 && node.kind === "item";
    const weight = met.get(node.id);
    const size = weight === undefined ? null : { size: scaled(weight, most.own, 5, 11) };
    return { ...drawnNeighbor(node, ring, largest, recommended), id: node.id, ...position, quiet, ...size };
  });
  const drawn = edges.map((edge) => ({
    id: `${edge.source}>${edge.target}`,
    source: edge.source,
    target: edge.target,
    size: scaled(edge.weight, own(edge) ? most.own : most.others, 1, 4.5),
  }));
  return { nodes, edges: drawn, padding };
}

function drawnNeighbor(
  node: NeighborhoodNode,
  ring: number,
  largest: number,
  recommended: ReadonlySet<string>,
): Omit<DrawnNode, "id" | "x" | "y"> {
  if (node.kind === "self") return { role: "user", label: "User", size: 13 };
  if (node.kind === "users") {
    const count = node.count ?? 0;
    return { role: "others", label: "", inside: String(count), size: scaled(count, largest, 8, 16) };
  }
  const item = node.item ?? node.id.replace(/^item:/, "");
  const text = shortTitle(item, node.details);
  const label = text.length > 20 ? `${text.slice(0, 19)}\u2026` : text;
  const role = recommended.has(item) ? "target" : ring === 1 ? "history" : "other";
  return { role, label, size: ring === 1 ? 8 : 9, item };
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
