/**
 * Lays out a small graph in columns: the customer at the top left, products in columns with a row of their own, and
 * groups of other customers between them. Labels are in rows and cut to their column, so that none meets another.
 */

export type Role = "user" | "history" | "others" | "other" | "target" | "pass";

export interface DrawnNode {
  id: string;
  role: Role;
  /** The column, from 0 for the customer. */
  layer: number;
  name: string;
  /** A second line, such as what the customer did. */
  note?: string;
  /** Text inside the node, such as a number of customers. */
  inside?: string;
  /** Radius in pixels. */
  size: number;
}

export interface DrawnEdge {
  id: string;
  source: string;
  target: string;
  /** Width in pixels. */
  size: number;
  name: string;
}

export interface Drawing {
  nodes: DrawnNode[];
  edges: DrawnEdge[];
}

export interface PlacedNode extends DrawnNode {
  x: number;
  y: number;
  /** Where the label's line ends and edges to the right begin. */
  end: number;
  label: string;
  noteLabel: string;
}

export interface Layout {
  nodes: PlacedNode[];
  edges: { edge: DrawnEdge; path: string }[];
  width: number;
  height: number;
}

/** Measures and cuts text in the font of labels. */
export interface Ruler {
  width: (text: string) => number;
}

const USER_X = 14;
const USER_Y = 16;
const FIRST_X = 38;
const GROUP_ROOM = 36;
const ROWS = { item: 44, group: 36 };
const TOP = 34;
/** Columns of labels that are narrower are not worth a picture. */
const NARROWEST = 54;
const WIDEST = 300;

export function cut(text: string, room: number, ruler: Ruler): string {
  if (ruler.width(text) <= room) return text;
  let [low, high] = [0, text.length];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (ruler.width(`${text.slice(0, middle).trimEnd()}…`) <= room) low = middle;
    else high = middle - 1;
  }
  return low === 0 ? "" : `${text.slice(0, low).trimEnd()}…`;
}

const isItem = (node: DrawnNode) => node.role !== "user" && node.role !== "others";

/** Orders each column by the rows of its neighbors, to keep edges from crossing. */
function order(columns: DrawnNode[][], edges: DrawnEdge[]): void {
  const links = new Map<string, string[]>();
  for (const { source, target } of edges) {
    links.set(source, [...(links.get(source) ?? []), target]);
    links.set(target, [...(links.get(target) ?? []), source]);
  }
  const place = new Map<string, number>();
  const note = (column: DrawnNode[]) =>
    column.forEach((node, n) => {
      place.set(node.id, (n + 0.5) / column.length);
    });
  columns.forEach(note);
  for (let round = 0; round < 12; round++) {
    const turn = columns.slice(1);
    if (round % 2) turn.reverse();
    for (const column of turn) {
      const mean = (node: DrawnNode) => {
        const near = (links.get(node.id) ?? []).filter((id) => columns[0]?.[0]?.id !== id);
        const places = near.map((id) => place.get(id) ?? 0);
        if (places.length === 0) return place.get(node.id) ?? 0;
        return places.reduce((sum, at) => sum + at, 0) / places.length;
      };
      const wanted = new Map(column.map((node) => [node.id, node.role === "pass" ? 2 : mean(node)]));
      column.sort((a, b) => (wanted.get(a.id) ?? 0) - (wanted.get(b.id) ?? 0) || (a.id < b.id ? -1 : 1));
      note(column);
    }
  }
}

/** The room for labels in each column: what they need, or a fair part of what there is. */
function rooms(columns: DrawnNode[][], room: number, ruler: Ruler): number[] | null {
  const needs = columns.map((column) => {
    const labels = column.filter(isItem).flatMap((node) => [node.name, node.note ?? ""]);
    return labels.length === 0 ? 0 : Math.min(WIDEST, Math.max(...labels.map(ruler.width)) + 18);
  });
  let left = room;
  let open = needs.filter((need) => need > 0).length;
  const given = needs.map(() => 0);
  // The columns that need least first, so that the others share what these leave.
  const turn = needs.map((_, n) => n).sort((a, b) => (needs[a] ?? 0) - (needs[b] ?? 0));
  for (const n of turn) {
    const need = needs[n] ?? 0;
    if (need === 0) continue;
    given[n] = Math.min(need, left / open);
    if (given[n] < Math.min(need, NARROWEST)) return null;
    left -= given[n];
    open--;
  }
  return given;
}

/** Places the drawing within a width; null if it does not fit. */
export function layOut(drawing: Drawing, width: number, ruler: Ruler): Layout | null {
  const last = Math.max(0, ...drawing.nodes.map((node) => node.layer));
  const columns = Array.from({ length: last + 1 }, (_, layer) =>
    drawing.nodes.filter((node) => node.layer === layer),
  );
  order(columns, drawing.edges);
  const groups = columns.filter((column) => column.some((node) => node.role === "others")).length;
  const tight = width < 520 ? 22 : 40;
  const fixed = FIRST_X + groups * GROUP_ROOM + (last - 1) * tight + 6;
  const given = rooms(columns, width - fixed, ruler);
  if (given === null) return null;
  const spare = width - fixed - given.reduce((sum, room) => sum + room, 0);
  const gap = tight + Math.min(110, last > 1 ? spare / (last - 1) : 0);
  const rowOf = (column: DrawnNode[]) => (column.some(isItem) ? ROWS.item : ROWS.group);
  const height = Math.max(...columns.slice(1).map((column) => column.length * rowOf(column)), 0);
  const placed = new Map<string, PlacedNode>();
  let x = FIRST_X;
  columns.forEach((column, layer) => {
    if (layer === 0) {
      for (const node of column) {
        placed.set(node.id, { ...node, x: USER_X, y: USER_Y, end: USER_X, label: node.name, noteLabel: "" });
      }
      return;
    }
    const room = given[layer] ?? 0;
    const hasGroups = column.some((node) => node.role === "others");
    const row = Math.min(rowOf(column) * 1.6, height / column.length);
    const first = TOP + (height - row * column.length) / 2;
    column.forEach((node, n) => {
      const at = hasGroups ? x + GROUP_ROOM / 2 : x;
      const end = hasGroups ? x + GROUP_ROOM / 2 : x + room;
      // In the last column labels are beside the nodes, else above the lines that leave them.
      const free = room - (layer === last ? node.size + 8 : node.size + 2);
      const y = first + (n + 0.5) * row;
      const label = hasGroups ? "" : cut(node.name, free, ruler);
      placed.set(node.id, { ...node, x: at, y, end, label, noteLabel: cut(node.note ?? "", free, ruler) });
    });
    x += (hasGroups ? GROUP_ROOM : room) + gap;
  });
  const used = Math.min(width, x - gap + 6);
  const edges = drawing.edges.flatMap((edge) => {
    const path = pathOf(edge, placed);
    return path ? [{ edge, path }] : [];
  });
  return { nodes: [...placed.values()], edges, width: used, height: TOP + height + 6 };
}

function pathOf(edge: DrawnEdge, placed: Map<string, PlacedNode>): string | null {
  const [a, b] = [placed.get(edge.source), placed.get(edge.target)];
  if (!a || !b) return null;
  const [from, to] = a.layer <= b.layer ? [a, b] : [b, a];
  const n = (value: number) => value.toFixed(1);
  if (from.role === "user") {
    return `M${from.x} ${from.y}V${n(to.y - 10)}Q${from.x} ${n(to.y)} ${from.x + 10} ${n(to.y)}H${n(to.x)}`;
  }
  const half = (to.x - from.end) / 2;
  return `M${n(from.x)} ${n(from.y)}H${n(from.end)}C${n(from.end + half)} ${n(from.y)} ${n(to.x - half)} ${n(to.y)} ${n(to.x)} ${n(to.y)}`;
}
