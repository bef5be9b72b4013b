/** The list of recommended items. */
import type { Pending } from "../hooks";
import type { Route } from "../route";
import * as text from "../text";
import type { Answer, RecommendedItem } from "../types";
import { Facts, SourceChip } from "./item";
import { Empty, Failure, Skeleton } from "./states";

interface Props {
  route: Route;
  answer: Pending<Answer>;
  /** The item whose explanation is shown. */
  shown: string | null;
  onPoint: (item: string | null) => void;
  onPick: (item: string) => void;
  onReset: () => void;
}

export function ItemList({ route, answer, shown, onPoint, onPick, onReset }: Props) {
  const data = answer.data?.user === route.user ? answer.data : null;
  const { error, loading, retry } = answer;
  return (
    <section class="panel list" aria-labelledby="list" aria-busy={loading}>
      <div class="panel-head">
        <h2 id="list">Recommended items</h2>
        <p class="quiet" role="status">
          {data && !error && summary(data)}
        </p>
      </div>
      {error && <Failure error={error} retry={retry} />}
      {!error && !data && <Skeleton rows={8} label="Loading recommendations" />}
      {!error && data && data.items.length === 0 && (
        <Empty title="No items match these filters">
          <p>Widen the price range, or remove a category or a brand.</p>
          <button type="button" class="button" onClick={onReset}>
            Remove all filters
          </button>
        </Empty>
      )}
      {!error && data && data.items.length > 0 && (
        <Items items={data.items} stale={loading} shown={shown} onPoint={onPoint} onPick={onPick} />
      )}
    </section>
  );
}

function summary(answer: Answer): string {
  const n = text.plural(answer.items.length, "item");
  const ignored = answer.ignored_events
    ? `; ${text.plural(answer.ignored_events, "event")} for unknown items ignored`
    : "";
  return `${n}${ignored}`;
}

interface ItemsProps {
  items: RecommendedItem[];
  stale: boolean;
  shown: string | null;
  onPoint: (item: string | null) => void;
  onPick: (item: string) => void;
}

function Items({ items, stale, shown, onPoint, onPick }: ItemsProps) {
  const onKeyDown = (event: KeyboardEvent) => {
    const rows = [...(event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>(".row")];
    const at = rows.indexOf(document.activeElement as HTMLElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (at < 0 || to === undefined || !rows[to]) return;
    event.preventDefault();
    rows[to].focus();
  };
  const best = Math.max(...items.map((item) => Math.abs(item.score)), 1e-12);
  return (
    <ol class={`rows ${stale ? "stale" : ""}`} onKeyDown={onKeyDown} onMouseLeave={() => onPoint(null)}>
      {items.map((item) => (
        <li key={item.item}>
          <button
            type="button"
            class="row"
            aria-current={item.item === shown ? "true" : undefined}
            onMouseEnter={() => onPoint(item.item)}
            onFocus={() => onPoint(item.item)}
            onClick={() => onPick(item.item)}
          >
            <span class="rank">{item.rank}</span>
            <span class="row-main">
              <span class="row-title">{text.title(item.item, item.details)}</span>
              <Facts item={item.item} details={item.details} />
            </span>
            <SourceChip source={item.source} reason={item.reason} />
            <span class="row-price">
              {typeof item.details.price === "number" ? (
                text.price(item.details.price)
              ) : (
                <span class="quiet">no price</span>
              )}
            </span>
            <span class="row-score">
              <span class="unseen">score </span>
              {text.score(item.score)}
              <span class="score-bar" aria-hidden="true">
                <span style={{ width: `${(100 * Math.max(0, item.score)) / best}%` }} />
              </span>
            </span>
          </button>
        </li>
      ))}
    </ol>
  );
}
