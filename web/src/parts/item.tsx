/** Items as they appear in lists. */
import * as text from "../text";
import { SOURCES, title } from "../text";
import type { Details, Source } from "../types";

export function SourceChip({ source, reason }: { source: Source; reason?: string }) {
  const known = SOURCES[source];
  return (
    <span class="chip" data-source={source} title={reason ?? known?.meaning}>
      {known?.label ?? source}
    </span>
  );
}

/** The id, category and price on one line. */
export function Facts({
  item,
  details,
  withPrice = false,
}: {
  item: string;
  details: Details;
  withPrice?: boolean;
}) {
  const code = details.category_code;
  const category = code
    ? text.categoryPath(code)
    : details.category_id
      ? `category ${details.category_id}`
      : null;
  return (
    <span class="facts">
      <span class="nowrap">№ {item}</span>
      {category && <span title={category}>{category}</span>}
      {withPrice && typeof details.price === "number" && (
        <span class="nowrap">{text.price(details.price)}</span>
      )}
    </span>
  );
}

/** An item in a list of search results. */
export function ItemOption({ item, details, note }: { item: string; details: Details; note?: string }) {
  return (
    <span class="option">
      <span class="option-title">{title(item, details)}</span>
      <Facts item={item} details={details} withPrice />
      {note && <span class="option-note">{note}</span>}
    </span>
  );
}
