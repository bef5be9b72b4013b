/** Products, as they stand in lists. */

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

/** Id, category and price on one quiet line. */
export function Facts({
  product,
  details,
  withPrice = false,
}: {
  product: string;
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
      <span class="nowrap">№ {product}</span>
      {category && <span title={category}>{category}</span>}
      {withPrice && typeof details.price === "number" && (
        <span class="nowrap">{text.price(details.price)}</span>
      )}
    </span>
  );
}

/** A product in a list of things found. */
export function ProductOption({
  product,
  details,
  note,
}: {
  product: string;
  details: Details;
  note?: string;
}) {
  return (
    <span class="option">
      <span class="option-title">{title(product, details)}</span>
      <Facts product={product} details={details} withPrice />
      {note && <span class="option-note">{note}</span>}
    </span>
  );
}
