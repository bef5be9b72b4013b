/** Products as they appear in lists. */
import { createContext } from "preact";
import { useContext, useState } from "preact/hooks";
import * as text from "../text";
import type { Details, Source } from "../types";

export function SourceChip({ source }: { source: Source }) {
  const known = text.SOURCES[source];
  return (
    <span class="chip" data-source={source} title={known?.meaning}>
      {known?.label ?? source}
    </span>
  );
}

/** The hosts whose images the service lets the page show. */
export const ImageHosts = createContext<readonly string[]>([]);

/** The address of a product's image, if its host is allowed. */
export function imageOf(details: Details, hosts: readonly string[]): string | null {
  try {
    const url = new URL(details.image_url ?? "");
    return url.protocol === "https:" && hosts.includes(url.host) ? url.href : null;
  } catch {
    return null;
  }
}

/** A product's image, or an empty place where there is none or it cannot be loaded. */
export function Thumbnail({ details }: { details: Details }) {
  const address = imageOf(details, useContext(ImageHosts));
  const [failed, setFailed] = useState<string | null>(null);
  return (
    <span class="thumbnail">
      {address && address !== failed && (
        <img src={address} alt="" loading="lazy" decoding="async" onError={() => setFailed(address)} />
      )}
    </span>
  );
}

interface FactsProps {
  item: string;
  details: Details;
  withPrice?: boolean;
  /** Whether to leave the category out. */
  brief?: boolean;
}

/**
 * The number, brand, category and price on one line. The number is left out where it is the name, as for products of which
 * nothing else is known.
 */
export function Facts({ item, details, withPrice = false, brief = false }: FactsProps) {
  const named = text.isNamed(details);
  const code = brief ? null : details.category_code;
  const priced = withPrice && typeof details.price === "number";
  if (!named && !priced && details.in_stock !== false) return null;
  const category = code ? text.categoryPath(code) : null;
  return (
    <span class="facts">
      {named && <span class="nowrap">№ {item}</span>}
      {details.title && details.brand && <span>{details.brand}</span>}
      {category && <span title={category}>{category}</span>}
      {priced && <span class="nowrap">{text.price(details.price ?? 0)}</span>}
      {details.in_stock === false && <span class="nowrap">out of stock</span>}
    </span>
  );
}

/** A product in a list of search results. */
export function ItemOption({ item, details, note }: { item: string; details: Details; note?: string }) {
  return (
    <span class="option">
      <span class="option-title">{text.title(item, details)}</span>
      <Facts item={item} details={details} withPrice />
      {note && <span class="option-note">{note}</span>}
    </span>
  );
}

/** A product that opens its explanation or its page when selected. */
export function ItemButton(props: FactsProps & { note?: string; onPick: (item: string) => void }) {
  const { item, details, note, onPick } = props;
  return (
    <button type="button" class="plain" onClick={() => onPick(item)}>
      <span class="option-title">{text.title(item, details)}</span>
      <Facts {...props} />
      {note && <span class="path-share">{note}</span>}
    </button>
  );
}
