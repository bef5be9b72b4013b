/** Explains a product: why it is recommended in a sentence, what its score is made of, and the paths to it. */
import { useState } from "preact/hooks";
import * as api from "../api";
import { ApiError } from "../api";
import { type Pending, useAnswer } from "../hooks";
import { sentence } from "../reasons";
import * as text from "../text";
import type { BehaviorCount, Explanation, RecommendedItem } from "../types";
import { Facts, ItemButton, SourceChip, Thumbnail } from "./item";
import { MetBadge } from "./list";
import { Paths } from "./paths";
import { Failure, Skeleton } from "./states";

interface Props {
  item: string;
  answer: Pending<Explanation>;
  /** The product's entry in the list; null if it has none. */
  listed: RecommendedItem | null;
  /** What the customer did with it. */
  met: BehaviorCount[];
  onPick: (item: string) => void;
  onOpen: (item: string) => void;
}

export function ExplanationView({ item, answer, listed, met, onPick, onOpen }: Props) {
  const data = answer.data?.item === item ? answer.data : null;
  const details = data?.details ?? listed?.details ?? {};
  const page = details.page_url && /^https?:\/\//.test(details.page_url) ? details.page_url : null;
  return (
    <>
      <header class="why-head">
        <div class="why-title">
          <Thumbnail details={details} />
          <h2 id="why" tabIndex={-1}>
            {text.title(item, details)}
          </h2>
        </div>
        <Facts item={item} details={details} withPrice />
        <div class="chips">
          {listed && <SourceChip source={listed.source} />}
          <MetBadge met={met} familiar={data?.bought ?? listed?.familiar} />
          <button type="button" class="link" onClick={() => onOpen(item)}>
            Product details
          </button>
          {page && (
            <a href={page} target="_blank" rel="noopener noreferrer">
              In the shop
            </a>
          )}
        </div>
      </header>
      {answer.error instanceof ApiError && answer.error.code === "unknown_user" ? (
        <p class="notice">
          There is no score to explain: the model does not know this customer, and the product is in the list
          because it is a bestseller. Add an event to get recommendations from the model.
        </p>
      ) : answer.error ? (
        <Failure error={answer.error} retry={answer.retry} />
      ) : data ? (
        <>
          <p class="lead">{sentence(data, listed, met)}</p>
          {/* What was expanded or selected belongs to one product; the next one starts afresh. */}
          <Contributions key={`score ${data.item}`} explanation={data} />
          <Paths key={`paths ${data.item}`} explanation={data} onPick={onPick} />
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
  const { self_contribution: own, contributions, remainder, rounding, terms = [] } = explanation;
  const shown = all ? contributions : contributions.slice(0, FIRST);
  const rest = contributions.slice(shown.length);
  const total = (part: "value" | "share") => rest.reduce((sum, c) => sum + c[part], 0);
  const bars: Bar[] = terms.map(({ kind, text: note, value, share }) => ({
    key: `term ${kind}`,
    name: TERMS[kind] ?? kind,
    note: note.replace(/\busers?\b/g, (word) => word.replace("user", "customer")),
    value,
    share,
  }));
  if (own) {
    bars.push({
      key: "own",
      name: "Learned preference",
      note: "their taste as a whole",
      value: own.value,
      share: own.share,
    });
  }
  for (const { item, details, behaviors, value, share } of shown) {
    bars.push({ key: item, name: text.title(item, details), note: text.doings(behaviors), value, share });
  }
  if (rest.length > 0 || remainder) {
    const n = rest.length + (remainder?.n_items ?? 0);
    const hidden = remainder && remainder.n_items === undefined;
    bars.push({
      key: "rest",
      name: hidden ? "What the customer did" : text.plural(n, "more product"),
      note: hidden ? "which this service does not tell" : "of the history, combined",
      value: total("value") + (remainder?.value ?? 0),
      share: total("share") + (remainder?.share ?? 0),
    });
  }
  if (text.score(rounding) !== "0" && Math.abs(rounding) >= 5e-4) {
    bars.push({ key: "rounding", name: "Rounding", note: "of 32-bit numbers", value: rounding, share: 0 });
  }
  return bars;
}

function Contributions({ explanation }: { explanation: Explanation }) {
  const [all, setAll] = useState(false);
  const { score, contributions, instead, method } = explanation;
  const bars = barsOf(explanation, all);
  const values = bars.map((bar) => bar.value);
  const low = Math.min(0, ...values);
  const range = Math.max(0, ...values) - low || 1;
  const zero = -low / range;
  return (
    <section aria-labelledby="score">
      <div class="panel-head">
        <h3 id="score">What makes up the score</h3>
        <span class="quiet total" data-score={score}>
          score {text.score(score)}
        </span>
      </div>
      {instead && <p class="notice">{instead}</p>}
      {bars.length > 0 && (
        <ul class="bars" data-method={method}>
          {bars.map((bar) => (
            <BarRow key={bar.key} bar={bar} zero={zero} range={range} />
          ))}
        </ul>
      )}
      {contributions.length > FIRST && (
        <button type="button" class="link" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? "Show fewer" : `Show all ${text.count(contributions.length)} products of the history`}
        </button>
      )}
    </section>
  );
}

/** A part of the score; all bars have one scale. */
function BarRow({ bar, zero, range }: { bar: Bar; zero: number; range: number }) {
  const width = Math.abs(bar.value) / range;
  return (
    <li
      data-key={bar.key}
      data-value={bar.value}
      data-own={bar.key === "own"}
      class={bar.value < 0 ? "negative" : "positive"}
    >
      <span class="bar-name">{bar.name}</span>
      <span class="bar-note" title={bar.note}>
        {bar.note}
      </span>
      <span class="bar-value" title={`${text.signed(bar.value)} of the score`}>
        {bar.key === "rounding" ? text.signed(bar.value) : text.percent(bar.share)}
        {bar.value < 0 && <span class="unseen"> (lowers the score)</span>}
      </span>
      <span class="bar-track" aria-hidden="true">
        <span
          class="bar-fill"
          style={{ left: `${100 * (bar.value < 0 ? zero - width : zero)}%`, width: `${100 * width}%` }}
        />
        <span class="bar-zero" style={{ left: `${100 * zero}%` }} />
      </span>
    </li>
  );
}

function Similar({ item, onPick }: { item: string; onPick: (item: string) => void }) {
  const [open, setOpen] = useState(false);
  const answer = useAnswer(open ? item : null, (signal) => api.similar(item, 6, signal));
  return (
    <details class="similar" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Similar products</summary>
      {answer.error && <Failure error={answer.error} retry={answer.retry} />}
      {answer.loading && <Skeleton rows={3} label="Loading similar products" />}
      {answer.data && !answer.loading && (
        <ul class="similar-list">
          {answer.data.items.map(({ item, details }) => (
            <li key={item}>
              <ItemButton brief withPrice item={item} details={details} onPick={onPick} />
            </li>
          ))}
        </ul>
      )}
    </details>
  );
}
