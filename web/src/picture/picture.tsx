/** A graph of up to about 100 nodes as SVG. Arrows move between its nodes, Enter selects one. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { type Drawing, type Layout, layOut, type PlacedNode, type Ruler } from "./layout";

export interface Lit {
  nodes: ReadonlySet<string>;
  edges: ReadonlySet<string>;
}

interface Props {
  drawing: Drawing;
  /** A description of the graph in one sentence. */
  label: string;
  lit: Lit | null;
  onPoint?: (node: string | null) => void;
  onPick?: (node: string) => void;
}

const FONT =
  '500 12px Inter, ui-sans-serif, system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';

let ruler: Ruler | null = null;

function labels(): Ruler {
  const context = document.createElement("canvas").getContext("2d");
  if (context) context.font = FONT;
  // Without a canvas: about the width of a letter.
  ruler ??= { width: (text) => context?.measureText(text).width ?? 6.6 * text.length };
  return ruler;
}

/** The node that an arrow key leads to. */
function next(nodes: PlacedNode[], from: PlacedNode, key: string): PlacedNode | undefined {
  const layers = [...new Set(nodes.map((node) => node.layer))].sort((a, b) => a - b);
  const column = (layer: number | undefined) =>
    nodes.filter((node) => node.layer === layer).sort((a, b) => a.y - b.y);
  const own = column(from.layer);
  const at = own.indexOf(from);
  const beside = (step: number) => {
    const others = column(layers[layers.indexOf(from.layer) + step]);
    return others.sort((a, b) => Math.abs(a.y - from.y) - Math.abs(b.y - from.y))[0];
  };
  switch (key) {
    case "ArrowDown":
      return own[at + 1];
    case "ArrowUp":
      return own[at - 1];
    case "ArrowRight":
      return beside(1);
    case "ArrowLeft":
      return beside(-1);
    case "Home":
      return nodes[0];
    case "End":
      return nodes.at(-1);
  }
}

export function Picture({ drawing, label, lit, onPoint, onPick }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const [current, setCurrent] = useState<string | null>(null);
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const watch = new ResizeObserver(() => setWidth(Math.floor(element.clientWidth)));
    watch.observe(element);
    return () => watch.disconnect();
  }, []);
  const layout = useMemo(() => (width > 0 ? layOut(drawing, width, labels()) : null), [drawing, width]);
  const nodes = layout?.nodes.filter((node) => node.role !== "pass") ?? [];
  const focused = nodes.find((node) => node.id === current) ?? nodes[0];
  const onKeyDown = (event: KeyboardEvent) => {
    if (!focused) return;
    const to = next(nodes, focused, event.key);
    if (event.key === "Enter" || event.key === " ") onPick?.(focused.id);
    else if (to) {
      setCurrent(to.id);
      const found = (event.currentTarget as Element).querySelectorAll<SVGGElement>(".node");
      [...found].find((one) => one.dataset.id === to.id)?.focus();
    } else return;
    event.preventDefault();
  };
  return (
    <div class="picture" ref={place}>
      {layout && (
        // biome-ignore lint/a11y/useSemanticElements: a group of SVG elements has no element of its own
        <svg
          width={layout.width}
          height={layout.height}
          viewBox={`0 0 ${layout.width} ${layout.height}`}
          role="group"
          aria-label={`${label}. Arrow keys move between nodes.`}
          onKeyDown={onKeyDown}
          onMouseLeave={() => onPoint?.(null)}
        >
          <Edges layout={layout} lit={lit} />
          {nodes.map((node) => (
            <Node
              key={node.id}
              node={node}
              dim={lit !== null && !lit.nodes.has(node.id)}
              tabIndex={node === focused ? 0 : -1}
              onFocus={() => {
                setCurrent(node.id);
                onPoint?.(node.id);
              }}
              onBlur={() => onPoint?.(null)}
              onPoint={() => onPoint?.(node.id)}
              onPick={() => onPick?.(node.id)}
            />
          ))}
          <Labels nodes={layout.nodes} lit={lit} />
        </svg>
      )}
    </div>
  );
}

function Edges({ layout, lit }: { layout: Layout; lit: Lit | null }) {
  const look = (id: string) => (lit === null ? "" : lit.edges.has(id) ? "lit" : "dim");
  // Highlighted edges come last, above the others.
  const order = [...layout.edges].sort(
    (a, b) => Number(look(a.edge.id) === "lit") - Number(look(b.edge.id) === "lit"),
  );
  return (
    <g fill="none">
      {order.map(({ edge, path }) => (
        <path
          key={edge.id}
          class={`edge ${look(edge.id)}`}
          data-id={edge.id}
          d={path}
          stroke-width={edge.size.toFixed(1)}
        >
          <title>{edge.name}</title>
        </path>
      ))}
    </g>
  );
}

interface NodeProps {
  node: PlacedNode;
  dim: boolean;
  tabIndex: number;
  onFocus: () => void;
  onBlur: () => void;
  onPoint: () => void;
  onPick: () => void;
}

function Node({ node, dim, tabIndex, onFocus, onBlur, onPoint, onPick }: NodeProps) {
  const { x, y, size, role } = node;
  const name = node.note ? `${node.name}, ${node.note}` : node.name;
  return (
    // biome-ignore lint/a11y/useSemanticElements: SVG has no buttons
    <g
      class={`node ${dim ? "dim" : ""}`}
      data-role={role}
      data-id={node.id}
      role="button"
      tabIndex={tabIndex}
      aria-label={role === "target" && node.name !== "This product" ? `${name}, recommended` : name}
      onFocus={onFocus}
      onBlur={onBlur}
      onMouseEnter={onPoint}
      onClick={onPick}
    >
      <title>{name}</title>
      <rect
        class="reach"
        x={x - size - 2}
        y={y - 20}
        width={Math.max(2 * size + 4, node.end - x)}
        height={38}
      />
      <circle cx={x} cy={y} r={size} />
    </g>
  );
}

/** What is written beside and in nodes. It may be cut, so it is apart from the nodes, which have the whole names. */
function Labels({ nodes, lit }: { nodes: PlacedNode[]; lit: Lit | null }) {
  const last = Math.max(...nodes.map((node) => node.layer));
  return (
    // biome-ignore lint/a11y/noAriaHiddenOnFocusable: nothing in it takes the focus
    <g class="labels" aria-hidden="true">
      {nodes.map((node) => {
        const { id, x, y, size, role } = node;
        const dim = lit !== null && !lit.nodes.has(id) ? "dim" : "";
        if (node.inside) {
          return (
            <text key={id} class="inside" x={x} y={y + 4} text-anchor="middle">
              {node.inside}
            </text>
          );
        }
        const beside = role === "user" || (node.layer === last && role !== "pass");
        const left = beside ? x + size + 6 : x + size + 2;
        const above = beside ? (node.noteLabel ? y - 2 : y + 4) : y - 7;
        return (
          <g key={id} class={dim}>
            <text class={role === "pass" ? "note" : "name"} x={left} y={above}>
              {node.label}
            </text>
            {node.noteLabel && (
              <text class="note" x={left} y={beside ? y + 13 : y + 15}>
                {node.noteLabel}
              </text>
            )}
          </g>
        );
      })}
    </g>
  );
}
