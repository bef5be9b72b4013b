/** The paths through the graph that lead to a product, as a picture and in words. */
import { useMemo, useState } from "preact/hooks";
import * as api from "../api";
import { useAnswer } from "../hooks";
import { drawPaths, pathParts } from "../picture/drawing";
import { Picture } from "../picture/picture";
import * as text from "../text";
import type { ExplainedPath, Explanation, PathNode } from "../types";
import { ItemButton } from "./item";

/** Paths that make up less of a score than this are said to be minor. */
const MINOR = 0.05;
/** How many of the product's neighbors are compared with the history. */
const NEIGHBORS = 200;
const SHOWN = 5;

/** Paths with the largest contribution first, or the strongest where contributions are unknown. */
export function sorted(paths: ExplainedPath[]): ExplainedPath[] {
  const size = (path: ExplainedPath) => (path.value === null ? path.strength : Math.abs(path.value));
  return [...paths].sort((a, b) => size(b) - size(a));
}

interface Props {
  explanation: Explanation;
  onPick: (item: string) => void;
}

export function Paths({ explanation, onPick }: Props) {
  const [pointed, setPointed] = useState<number | null>(null);
  const [held, setHeld] = useState<number | null>(null);
  const { item, reason } = explanation;
  const paths = useMemo(() => sorted(explanation.paths), [explanation]);
  const shown = pointed ?? held;
  const lit = useMemo(() => {
    const path = shown === null ? undefined : paths[shown];
    if (!path || shown === null) return null;
    const { nodes, edges } = pathParts(path, shown);
    return { nodes: new Set(nodes), edges: new Set(edges) };
  }, [shown, paths]);
  const drawing = useMemo(() => drawPaths(paths, item), [paths, item]);
  if (paths.length === 0) {
    return (
      <section aria-labelledby="paths">
        <h3 id="paths">Paths through the graph</h3>
        <p class="notice">There is no path to show{reason ? `: ${reason}` : ""}.</p>
      </section>
    );
  }
  const shares = paths.flatMap((path) => (path.share === null ? [] : [path.share]));
  const total = shares.reduce((sum, share) => sum + share, 0);
  const minor = shares.length > 0 && Math.abs(total) < MINOR;
  /** The first path through a node. */
  const pathAt = (node: string | null) => {
    if (node === null) return null;
    const at = paths.findIndex((path, n) => pathParts(path, n).nodes.slice(1, -1).includes(node));
    return at < 0 ? null : at;
  };
  return (
    <section aria-labelledby="paths">
      <div class="panel-head">
        <h3 id="paths">Paths through the graph</h3>
        {shares.length > 0 && <span class="quiet">{text.percent(total)} of the score</span>}
      </div>
      {minor && (
        <>
          <p class="notice">
            These paths make up only {text.percent(total)} of the score: the model relies on more than
            neighbors in the graph.
          </p>
          <SimilarOfHistory explanation={explanation} onPick={onPick} />
        </>
      )}
      {shares.length === 0 && (
        <p class="quiet">
          {paths.some((path) => path.attention)
            ? "What the model attends to on the way to the product; attention is not a part of the score."
            : "What other customers did; the score is not a sum over these paths."}
        </p>
      )}
      {paths.some((path) => path.edges.length > 1) && (
        <Picture
          drawing={drawing}
          label={`${text.plural(paths.length, "path")} from the customer to the product; the list below says the same in words`}
          lit={lit}
          onPoint={(node) => setPointed(pathAt(node))}
          onPick={(node) => {
            const at = pathAt(node);
            setHeld(at === held ? null : at);
          }}
        />
      )}
      <ol class="paths">
        {paths.map((path, n) => (
          <li key={n}>
            <button
              type="button"
              class="path"
              aria-pressed={held === n}
              onMouseEnter={() => setPointed(n)}
              onMouseLeave={() => setPointed(null)}
              onFocus={() => setPointed(n)}
              onBlur={() => setPointed(null)}
              onClick={() => setHeld(held === n ? null : n)}
            >
              <span class="path-number" aria-hidden="true">
                {n + 1}.
              </span>
              <PathText path={path} item={item} />
              {path.share !== null && (
                <span class="path-share" data-share={path.share}>
                  {text.percent(path.share)} of the score
                </span>
              )}
              {path.attention && <span class="path-share">attention {path.strength.toPrecision(2)}</span>}
            </button>
          </li>
        ))}
      </ol>
    </section>
  );
}

function PathText({ path, item }: { path: ExplainedPath; item: string }) {
  return (
    <span class="path-steps">
      <span class="station">Customer</span>
      {path.edges.map((edge, n) => {
        const many = edge.from.kind === "other_users" || edge.to.kind === "other_users";
        const doings = many ? text.doingsOfMany(edge.behaviors) : text.doings(edge.behaviors) || "met";
        const did = edge.relation?.name ?? doings;
        return (
          <span key={n} class="step">
            <span class="did">
              <span aria-hidden="true">→ </span>
              {did}
              <span aria-hidden="true"> →</span>
            </span>
            <Station node={edge.to} item={item} />
          </span>
        );
      })}
    </span>
  );
}

function Station({ node, item }: { node: PathNode; item: string }) {
  if (node.kind === "user") return <span class="station">Customer</span>;
  if (node.kind === "other_users")
    return <span class="station others">{text.plural(node.count, "other customer")}</span>;
  if (node.kind === "entity") return <span class="station own">{node.name}</span>;
  if (node.item === item) return <span class="station target">this product</span>;
  return <span class="station own">{text.title(node.item, node.details)}</span>;
}

/** The products of the history that the model finds most similar, or else those that add most to the score. */
function SimilarOfHistory({ explanation, onPick }: Props) {
  const { item, contributions } = explanation;
  const answer = useAnswer(item, (signal) => api.similar(item, NEIGHBORS, signal));
  const others = contributions.filter((part) => part.item !== item);
  const parts = new Map(others.map((part) => [part.item, part]));
  const near = (answer.data?.items ?? []).flatMap(({ item }) => parts.get(item) ?? []);
  const shown = (near.length > 0 ? near : others.filter((part) => part.share > 0)).slice(0, SHOWN);
  if (answer.loading || shown.length === 0) return null;
  return (
    <>
      <h4>{near.length > 0 ? "Similar products of the history" : "What counts most of the history"}</h4>
      <ul class="similar-list" data-similar="history">
        {shown.map(({ item, details, behaviors, share }) => (
          <li key={item}>
            <ItemButton
              brief
              item={item}
              details={details}
              note={`${text.doings(behaviors)}; ${text.percent(share)} of the score`}
              onPick={onPick}
            />
          </li>
        ))}
      </ul>
    </>
  );
}
