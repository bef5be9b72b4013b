/** Draws a graph, or says why it cannot. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Box, Drawing } from "./drawing";
import type { Lit, Stage } from "./stage";

interface Props {
  /** Lays out the graph for the size of its place. */
  draw: (box: Box) => Drawing;
  /** What `draw` lays out; a different object is drawn again. */
  graph: object;
  /** A description of the graph in one sentence. */
  label: string;
  lit: Lit | null;
  theme: string;
  movable?: boolean;
  onEnter?: (node: string | null) => void;
  onClick?: (node: string) => void;
}

const drawsWebGl = () => {
  try {
    return document.createElement("canvas").getContext("webgl2") !== null;
  } catch {
    return false;
  }
};

export function GraphCanvas(props: Props) {
  const { draw, graph, label, lit, theme, movable = false } = props;
  const place = useRef<HTMLDivElement>(null);
  const stage = useRef<Stage | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const [state, setState] = useState<"loading" | "drawn" | "impossible">("loading");
  const [width, setWidth] = useState(0);

  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const watch = new ResizeObserver(() => setWidth(Math.round(element.clientWidth)));
    watch.observe(element);
    return () => watch.disconnect();
  }, []);

  useEffect(() => {
    const element = place.current;
    if (!element || width === 0) return;
    let gone = false;
    (async () => {
      try {
        if (!drawsWebGl()) throw new Error("no WebGL");
        const { Stage } = await import("./stage");
        if (gone) return;
        const drawing = draw({ width: element.clientWidth, height: element.clientHeight });
        stage.current?.destroy();
        stage.current = new Stage(element, drawing, {
          movable,
          onEnter: (node) => latest.current.onEnter?.(node),
          onClick: (node) => latest.current.onClick?.(node),
        });
        stage.current.light(latest.current.lit);
        setState("drawn");
      } catch {
        if (!gone) setState("impossible");
      }
    })();
    return () => {
      gone = true;
    };
  }, [graph, width]);

  useEffect(() => () => stage.current?.destroy(), []);
  useEffect(() => stage.current?.light(lit), [lit]);
  useEffect(() => stage.current?.recolor(), [theme]);

  return (
    <div class="graph-frame">
      <div
        class={`graph ${movable ? "movable" : ""}`}
        ref={place}
        role="img"
        aria-label={label}
        data-state={state}
      />
      {state === "loading" && <p class="graph-note">Drawing the graph…</p>}
      {state === "impossible" && (
        <p class="graph-note">
          This browser cannot draw the graph (it needs WebGL). The table below has the same information.
        </p>
      )}
      {movable && state === "drawn" && (
        <fieldset class="graph-buttons" aria-label="Move the graph">
          <button type="button" onClick={() => stage.current?.zoom(1.4)} aria-label="Zoom in">
            +
          </button>
          <button type="button" onClick={() => stage.current?.zoom(1 / 1.4)} aria-label="Zoom out">
            −
          </button>
          <button type="button" onClick={() => stage.current?.reset()} aria-label="Show the whole graph">
            ⤢
          </button>
        </fieldset>
      )}
    </div>
  );
}
