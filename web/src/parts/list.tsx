/** The list of recommended products. */
import { useContext } from "preact/hooks";
import type { Pending } from "../hooks";
import type { Route } from "../route";
import * as text from "../text";
import type { Answer, BehaviorCount, RecommendedItem } from "../types";
import { Facts, ImageHosts, imageOf, SourceChip, Thumbnail } from "./item";
import { Empty, Failure, Skeleton } from "./states";

/** What the customer did with each product. */
export type Met = ReadonlyMap<string, BehaviorCount[]>;

interface Props {
  route: Route;
  answer: Pending<Answer>;
  met: Met;
  /** The ranks without the added events; null if there are none to compare with. */
  before: ReadonlyMap<string, number> | null;
  /** The product whose explanation is shown. */
  shown: string | null;
  onPoint: (item: string | null) => void;
  onPick: (item: string) => void;
  onReset: () => void;
}

export function ItemList({ route, answer, onReset, ...rest }: Props) {
  const data = answer.data?.user === route.user ? answer.data : null;
  const { error, loading, retry } = answer;
  return (
    <section class="panel list" aria-labelledby="list" aria-busy={loading}>
      <div class="panel-head">
        <h2 id="list">Recommended products</h2>
        <p class="quiet" role="status">
          {data && !error && summary(data)}
        </p>
      </div>
      {error && <Failure error={error} retry={retry} />}
      {!error && !data && <Skeleton rows={8} label="Loading recommendations" />}
      {!error && data && data.items.length === 0 && (
        <Empty title="No products match these filters">
          <p>Widen the price range, or remove a category or a brand.</p>
          <button type="button" class="button" onClick={onReset}>
            Remove all filters
          </button>
        </Empty>
      )}
      {!error && data && data.items.length > 0 && <Items items={data.items} stale={loading} {...rest} />}
    </section>
  );
}

function summary(answer: Answer): string {
  const n = text.plural(answer.items.length, "product");
  const ignored = answer.ignored_events
    ? `; ${text.plural(answer.ignored_events, "event")} for unknown products ignored`
    : "";
  return `${n}${ignored}`;
}

/** Scores between 0 and 1, within those of the same source: only these have the same unit. */
function relative(items: RecommendedItem[]): Map<string, number> {
  const kind = (item: RecommendedItem) => (item.source === "exploration" ? "model" : item.source);
  const ranges = new Map<string, { low: number; high: number }>();
  for (const item of items) {
    const { low, high } = ranges.get(kind(item)) ?? { low: 0, high: 1e-12 };
    ranges.set(kind(item), { low: Math.min(low, item.score), high: Math.max(high, item.score) });
  }
  return new Map(
    items.map((item) => {
      const { low, high } = ranges.get(kind(item)) ?? { low: 0, high: 1 };
      return [item.item, (item.score - low) / (high - low)];
    }),
  );
}

interface ItemsProps {
  items: RecommendedItem[];
  stale: boolean;
  met: Met;
  before: ReadonlyMap<string, number> | null;
  shown: string | null;
  onPoint: (item: string | null) => void;
  onPick: (item: string) => void;
}

function Items({ items, stale, met, before, shown, onPoint, onPick }: ItemsProps) {
  const onKeyDown = (event: KeyboardEvent) => {
    const rows = [...(event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>(".row")];
    const at = rows.indexOf(document.activeElement as HTMLElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (at < 0 || to === undefined || !rows[to]) return;
    event.preventDefault();
    rows[to].focus();
  };
  const hosts = useContext(ImageHosts);
  const pictures = items.some((item) => imageOf(item.details, hosts));
  const scores = relative(items);
  return (
    <div class={pictures ? "with-pictures" : ""}>
      <div class="row row-head" aria-hidden="true">
        <span>#</span>
        {pictures && <span />}
        <span>Product</span>
        <span class="row-price">Price</span>
        <span class="row-score">Match</span>
      </div>
      <ol class={`rows ${stale ? "stale" : ""}`} onKeyDown={onKeyDown} onMouseLeave={() => onPoint(null)}>
        {items.map((item) => (
          <li key={item.item}>
            <button
              type="button"
              class="row"
              data-item={item.item}
              aria-current={item.item === shown ? "true" : undefined}
              // Unlike entering, moving is never due to scrolling below a pointer at rest.
              onMouseMove={() => onPoint(item.item)}
              onFocus={() => onPoint(item.item)}
              onClick={() => onPick(item.item)}
            >
              <span class="rank">
                {item.rank}
                {before && <Moved rank={item.rank} before={before.get(item.item)} />}
              </span>
              {pictures && <Thumbnail details={item.details} />}
              <span class="row-main">
                <span class="row-line">
                  <span class="row-title">{text.title(item.item, item.details)}</span>
                  <MetBadge met={met.get(item.item)} familiar={item.familiar} />
                  <SourceChip source={item.source} />
                </span>
                <Facts item={item.item} details={item.details} />
              </span>
              <span class="row-price">
                {typeof item.details.price === "number" ? (
                  text.price(item.details.price)
                ) : (
                  <span class="quiet">no price</span>
                )}
              </span>
              <Match share={scores.get(item.item) ?? 0} score={item.score} />
            </button>
          </li>
        ))}
      </ol>
    </div>
  );
}

/** A product's score beside the highest of its source. */
function Match({ share, score }: { share: number; score: number }) {
  return (
    <span class="row-score" title={`Score ${text.score(score)}`}>
      <span class="unseen">match {text.percent(share)}</span>
      <span class="score-bar" aria-hidden="true">
        <span style={{ width: `${100 * share}%` }} />
      </span>
    </span>
  );
}

/** What the customer did with a product before, if anything. */
export function MetBadge({ met, familiar }: { met?: BehaviorCount[]; familiar?: boolean }) {
  const done = met ? text.doings(met) : "";
  if (!done && !familiar) return null;
  return <span class="badge">{done || "seen before"}</span>;
}

/** How many places a product moved because of the added events. */
function Moved({ rank, before }: { rank: number; before: number | undefined }) {
  if (before === rank) return null;
  if (before === undefined) return <span class="moved up">new</span>;
  const by = before - rank;
  return (
    <span class={`moved ${by > 0 ? "up" : "down"}`}>
      <span aria-hidden="true">
        {by > 0 ? "▲" : "▼"}
        {Math.abs(by)}
      </span>
      <span class="unseen">{by > 0 ? ` up ${by}` : ` down ${-by}`}</span>
    </span>
  );
}
