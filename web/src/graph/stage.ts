/** Draws a small graph with sigma.js. Loaded only when a graph is shown. */
import Graph from "graphology";
import Sigma from "sigma";
import { EdgeRectangleProgram } from "sigma/rendering";
import type { NodeDisplayData, PartialButFor } from "sigma/types";
import type { Drawing, Role } from "./drawing";

export interface Lit {
  nodes: Set<string>;
  edges: Set<string>;
}

export interface StageOptions {
  onEnter?: (node: string | null) => void;
  onClick?: (node: string) => void;
  /** Whether the camera may move: by dragging, by Ctrl and the wheel, or by two fingers. */
  movable: boolean;
}

interface Colors {
  background: string;
  text: string;
  muted: string;
  faded: string;
  edge: string;
  lit: string;
  nodes: Record<Role, string>;
}

type Label = PartialButFor<NodeDisplayData, "x" | "y" | "size" | "label" | "color"> & {
  inside?: string;
  above?: boolean;
  dim?: boolean;
};

const FONT = 'Inter, ui-sans-serif, system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';

function readColors(element: Element): Colors {
  const style = getComputedStyle(element);
  const read = (name: string) => style.getPropertyValue(name).trim() || "#888888";
  return {
    background: read("--panel"),
    text: read("--text"),
    muted: read("--muted"),
    faded: read("--graph-faded"),
    edge: read("--graph-edge"),
    lit: read("--accent"),
    nodes: {
      user: read("--graph-user"),
      history: read("--graph-history"),
      others: read("--graph-others"),
      other: read("--graph-other"),
      target: read("--graph-target"),
    },
  };
}

export class Stage {
  private readonly graph = new Graph({ multi: false });
  private readonly sigma: Sigma;
  private colors: Colors;
  private lit: Lit | null = null;
  private readonly stopWheel: (event: WheelEvent) => void;

  constructor(
    private readonly container: HTMLElement,
    drawing: Drawing,
    options: StageOptions,
  ) {
    this.colors = readColors(container);
    this.fill(drawing);
    this.sigma = new Sigma(this.graph, container, {
      allowInvalidContainer: true,
      defaultDrawNodeLabel: (context, data) => this.drawLabel(context, data as Label),
      defaultDrawNodeHover: (context, data) => this.drawHover(context, data as Label),
      edgeProgramClasses: { line: EdgeRectangleProgram },
      defaultEdgeType: "line",
      enableCameraRotation: false,
      enableCameraPanning: options.movable,
      enableCameraZooming: options.movable,
      itemSizesReference: "screen",
      labelDensity: 4,
      labelGridCellSize: 60,
      labelRenderedSizeThreshold: 0,
      minCameraRatio: 0.2,
      maxCameraRatio: 2.5,
      minEdgeThickness: 1,
      stagePadding: drawing.padding,
      zIndex: true,
      zoomToSizeRatioFunction: (ratio) => Math.sqrt(ratio),
      nodeReducer: (id, data) => this.nodeLook(id, data),
      edgeReducer: (id, data) => this.edgeLook(id, data),
    });
    // Keeps the numbers in nodes readable under the pointer.
    const { hovers, hoverNodes } = this.sigma.getCanvases();
    if (hovers && hoverNodes) container.insertBefore(hoverNodes, hovers);
    this.sigma.on("enterNode", ({ node }) => {
      container.classList.add("pointing");
      options.onEnter?.(node);
    });
    this.sigma.on("leaveNode", () => {
      container.classList.remove("pointing");
      options.onEnter?.(null);
    });
    this.sigma.on("clickNode", ({ node }) => options.onClick?.(node));
    // A wheel without Ctrl scrolls the page, as everywhere else.
    this.stopWheel = (event) => {
      if (!event.ctrlKey || !options.movable) event.stopImmediatePropagation();
    };
    container.addEventListener("wheel", this.stopWheel, { capture: true });
  }

  /** Highlights some nodes and edges and fades all others; null treats all alike. */
  light(lit: Lit | null): void {
    this.lit = lit;
    this.sigma.refresh({ skipIndexation: true });
  }

  /** Reads the page's colors again and redraws. */
  recolor(): void {
    this.colors = readColors(this.container);
    this.sigma.refresh();
  }

  zoom(factor: number): void {
    const camera = this.sigma.getCamera();
    const ratio = Math.min(2.5, Math.max(0.2, camera.ratio / factor));
    camera.setState({ ratio });
  }

  reset(): void {
    this.sigma.getCamera().setState({ x: 0.5, y: 0.5, ratio: 1, angle: 0 });
  }

  destroy(): void {
    this.container.removeEventListener("wheel", this.stopWheel, { capture: true });
    this.sigma.kill();
  }

  private fill(drawing: Drawing): void {
    for (const { id, ...node } of drawing.nodes) {
      this.graph.addNode(id, { ...node, forceLabel: node.label !== "" || node.inside !== undefined });
    }
    for (const { id, source, target, ...edge } of drawing.edges) {
      if (!this.graph.hasEdge(source, target)) this.graph.addEdgeWithKey(id, source, target, edge);
    }
  }

  private nodeLook(id: string, data: Record<string, unknown>) {
    const dim = this.lit !== null && !this.lit.nodes.has(id);
    const color = this.colors.nodes[data.role as Role];
    // Sigma draws nodes that show only a number only if they have a label.
    const quiet = data.quiet && !this.lit?.nodes.has(id);
    const label = (quiet ? "" : (data.label as string)) || (data.inside ? " " : "");
    return { ...data, label, dim, color: dim ? this.colors.faded : color, zIndex: dim ? 0 : 2 };
  }

  private edgeLook(id: string, data: Record<string, unknown>) {
    const lit = this.lit?.edges.has(id) ?? data.lit === true;
    const dim = this.lit !== null && !lit;
    const color = lit ? this.colors.lit : dim ? this.colors.faded : this.colors.edge;
    return { ...data, color, zIndex: lit ? 1 : 0 };
  }

  private drawLabel(context: CanvasRenderingContext2D, data: Label): void {
    context.save();
    context.textAlign = "center";
    context.lineJoin = "round";
    if (data.inside) {
      context.font = `600 11px ${FONT}`;
      context.textBaseline = "middle";
      context.fillStyle = data.dim ? this.colors.muted : this.colors.background;
      context.fillText(data.inside, data.x, data.y + 0.5);
    }
    if (data.label?.trim()) {
      context.font = `500 11.5px ${FONT}`;
      context.textBaseline = "top";
      const y = data.above ? data.y - data.size - 17 : data.y + data.size + 5;
      context.strokeStyle = this.colors.background;
      context.lineWidth = 4;
      context.strokeText(data.label, data.x, y);
      context.fillStyle = data.dim ? this.colors.muted : this.colors.text;
      context.fillText(data.label, data.x, y);
    }
    context.restore();
  }

  private drawHover(context: CanvasRenderingContext2D, data: Label): void {
    context.save();
    context.beginPath();
    context.arc(data.x, data.y, data.size + 3, 0, 2 * Math.PI);
    context.strokeStyle = this.colors.lit;
    context.lineWidth = 2;
    context.stroke();
    context.restore();
    this.drawLabel(context, data);
  }
}
