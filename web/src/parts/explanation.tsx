/** Explains an item: what its score is made of, and the paths through the graph that lead to it. */
import { useMemo, useState } from "preact/hooks";
import * as api from "../api";
import { ApiError } from "../api";
import { GraphCanvas } from "../graph/canvas";
import { drawExplanation, pathParts } from "../graph/drawing";
import { type Pending, useAnswer } from "../hooks";
import * as text from "../text";
import type { ExplainedPath, Explanation, PathNode, RecommendedItem } from "../types";
import { Facts, SourceChip } from "./item";
import { Failure, Skeleton } from "./states";

interface Props {
  item: string;
  answer: Pending<Explanation>;
  /** The item's entry in the list; null if it has none. */
  listed: RecommendedItem | null;
  theme: string;
  onPick: (item: string) => void;
}

export function ExplanationView({ item, answer, listed, theme, onPick }: Props) {
  const data = answer.data?.item === item ? answer.data : null;
  const details = data?.details ?? listed?.details ?? {};
  return (
    <>
      <header class="why-head">
        <h2 id="why" tabIndex={-1}>
          {text.title(item, details)}
        </h2>
        <Facts item={item} details={details} withPrice />
        <div class="chips">
          {listed && <SourceChip source={listed.source} />}
          {data?.bought && <span class="chip">Bought before</span>}
          {listed?.familiar && !data?.bought && <span class="chip">Seen before</span>}
          {listed && <span class="quiet">{listed.reason}</span>}
        </div>
      </header>
      {answer.error instanceof ApiError && answer.error.code === "unknown_user" ? (
        <p class="notice">
          There is no score to explain: the model does not know this user, and the item is in the list for
          another reason ({listed?.reason ?? "it is popular"}). Add an event to get recommendations from the
          model.
        </p>
      ) : answer.error ? (
        <Failure error={answer.error} retry={answer.retry} />
      ) : data ? (
        <>
          {/* What was expanded or selected belongs to one item; the next one starts afresh. */}
          <Contributions key={`score ${data.item}`} explanation={data} listed={listed} />
          <Paths key={`paths ${data.item}`} explanation={data} theme={theme} />
        </>
      ) : (
        <Skeleton rows={7} label="Loading the explanation" />
      )}
      <Similar item={item} onPick={onPick} />
    </>
  );
}

interface Bar {
  key: string;
  name: string;
  note: string;
  value: number;
  share: number;
}

const FIRST = 5;

const TERMS: Record<string, string> = {
  history: "Events with it",
  popularity: "Popularity",
  conversion: "How often it is bought",
  taste: "Category, brand and price",
  model: "The model",
};

function barsOf(explanation: Explanation, all: boolean): Bar[] {
  const { self_contribution: own, contributions, rounding, terms = [] } = explanation;
  const shown = all ? contributions : contributions.slice(0, FIRST);
  const rest = contributions.slice(shown.length);
  const total = (part: "value" | "share") => rest.reduce((sum, c) => sum + c[part], 0);
  const bars: Bar[] = terms.map(({ kind, text: note, value, share }) => ({
    key: `term ${kind}`,
    name: TERMS[kind] ?? kind,
    note,
    value,
    share,
  }));
  if (own) {
    bars.push({
      key: "own",
      name: "Learned preference",
      note: "not due to any single item",
      value: own.value,
      share: own.share,
    });
  }
  for (const { item, details, behaviors, value, share } of shown) {
    bars.push({
      key: item,
      name: text.title(item, details),
      note: text.doings(behaviors),
      value,
      share,
    });
  }
  if (rest.length > 0) {
    const name = text.plural(rest.length, "more item");
    bars.push({
      key: "rest",
      name,
      note: "of the history, combined",
      value: total("value"),
      share: total("share"),
    });
  }
  if (text.score(rounding) !== "0" && Math.abs(rounding) >= 5e-4) {
    bars.push({ key: "rounding", name: "Rounding", note: "of 32-bit numbers", value: rounding, share: 0 });
  }
  return bars;
}

function Contributions({
  explanation,
  listed,
}: {
  explanation: Explanation;
  listed: RecommendedItem | null;
}) {
  const [all, setAll] = useState(false);
  const { score, contributions, instead, method } = explanation;
  const bars = barsOf(explanation, all);
  // The combined rest has no bar, since it would dwarf the bars of single items.
  const single = bars.filter((bar) => bar.key !== "rest").map((bar) => bar.value);
  const most = Math.max(...single.map(Math.abs), 1e-12);
  const low = Math.min(0, ...single);
  const high = Math.max(0, ...single);
  const zero = bars.length ? -low / (high - low || most) : 0;
  const sameScore = listed && Math.abs(listed.score - score) <= 1e-3 * Math.max(1, Math.abs(score));
  return (
    <section aria-labelledby="score">
      <div class="panel-head">
        <h3 id="score">What makes up the score</h3>
        <span class="total" data-score={score}>
          {text.score(score)}
        </span>
      </div>
      {listed && !sameScore && (
        <p class="quiet">
          The list shows {text.score(listed.score)}: its place comes from “
          {text.SOURCES[listed.source]?.label ?? listed.source}” and the sliders. This is the model's own
          score.
        </p>
      )}
      {instead && <p class="notice">{instead}</p>}
      {bars.length > 0 && (
        <ul class="bars" data-method={method}>
          {bars.map((bar) => (
            <li
              key={bar.key}
              data-value={bar.value}
              data-own={bar.key === "own"}
              class={bar.value < 0 ? "negative" : "positive"}
            >
              <span class="bar-name">{bar.name}</span>
              <span class="bar-note">{bar.note}</span>
              <span class="bar-value">
                {text.signed(bar.value)}
                {bar.value < 0 && <span class="unseen"> (lowers the score)</span>}
              </span>
              {bar.key !== "rest" && (
                <span class="bar-track" aria-hidden="true">
                  <span
                    class="bar-fill"
                    style={{
                      left: `${100 * (bar.value < 0 ? zero - Math.abs(bar.value) / (high - low || most) : zero)}%`,
                      width: `${(100 * Math.abs(bar.value)) / (high - low || most)}%`,
                    }}
                  />
                  <span class="bar-zero" style={{ left: `${100 * zero}%` }} />
                </span>
              )}
            </li>
          ))}
        </ul>
      )}
      {contributions.length > FIRST && (
        <button type="button" class="link" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? "Show fewer" : `Show all ${text.count(contributions.length)} items of the history`}
        </button>
      )}
    </section>
  );
}

function Paths({ explanation, theme }: { explanation: Explanation; theme: string }) {
  const [pointed, setPointed] = useState<number | null>(null);
  const [held, setHeld] = useState<number | null>(null);
  const { paths, item, reason } = explanation;
  const shown = pointed ?? held;
  const lit = useMemo(() => {
    const path = shown === null ? undefined : paths[shown];
    if (!path || shown === null) return null;
    const { nodes, edges } = pathParts(path, shown);
    return { nodes: new Set(nodes), edges: new Set(edges) };
  }, [shown, paths]);
  if (paths.length === 0) {
    return (
      <section aria-labelledby="paths">
        <h3 id="paths">Paths through the graph</h3>
        <p class="notice">There is no path to show{reason ? `: ${reason}` : ""}.</p>
      </section>
    );
  }
  /** The first path through a node. */
  const pathAt = (node: string | null) => {
    if (node === null) return null;
    const at = paths.findIndex((path, n) => pathParts(path, n).nodes.slice(1, -1).includes(node));
    return at < 0 ? null : at;
  };
  return (
    <section aria-labelledby="paths">
      <h3 id="paths">Paths through the graph</h3>
      <GraphCanvas
        graph={explanation}
        label={`Graph of ${text.plural(paths.length, "path")} from the user to the item; the list below has the same information`}
        draw={(box) => drawExplanation(explanation, box)}
        lit={lit}
        theme={theme}
        onEnter={(node) => setPointed(pathAt(node))}
        onClick={(node) => {
          const at = pathAt(node);
          setHeld(at === held ? null : at);
        }}
      />
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
              <span class="path-share">
                {path.value !== null
                  ? `${text.signed(path.value)} to the score`
                  : `strength ${text.score(path.strength)}`}
              </span>
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
      <span class="station">User</span>
      {path.edges.map((edge, n) => {
        const many = edge.from.kind === "other_users" || edge.to.kind === "other_users";
        const did = many ? text.doingsOfMany(edge.behaviors) : text.doings(edge.behaviors);
        return (
          <span key={n} class="step">
            <span class="did">
              <span aria-hidden="true">→ </span>
              {did || "had"}
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
  if (node.kind === "user") return <span class="station">User</span>;
  if (node.kind === "other_users")
    return <span class="station others">{text.plural(node.count, "other user")}</span>;
  if (node.item === item) return <span class="station target">this item</span>;
  return <span class="station own">{text.title(node.item, node.details)}</span>;
}

function Similar({ item, onPick }: { item: string; onPick: (item: string) => void }) {
  const [open, setOpen] = useState(false);
  const answer = useAnswer(open ? item : null, (signal) => api.similar(item, 6, signal));
  return (
    <details class="similar" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Similar items</summary>
      {answer.error && <Failure error={answer.error} retry={answer.retry} />}
      {answer.loading && <Skeleton rows={3} label="Loading similar items" />}
      {answer.data && !answer.loading && (
        <ul class="similar-list">
          {answer.data.items.map((item) => (
            <li key={item.item}>
              <button type="button" class="plain" onClick={() => onPick(item.item)}>
                <span class="option-title">{text.title(item.item, item.details)}</span>
                <Facts
                  item={item.item}
                  details={{ ...item.details, category_code: null, category_id: null }}
                  withPrice
                />
                <span class="path-share">similarity {text.score(item.score)}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
    </details>
  );
}
