/** Formats words and numbers for people. */
import type { BehaviorCount, Details, Source } from "./types";

const LOCALE = "en";
const integer = new Intl.NumberFormat(LOCALE);
const money = new Intl.NumberFormat(LOCALE, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const date = new Intl.DateTimeFormat(LOCALE, {
  day: "numeric",
  month: "short",
  year: "numeric",
  timeZone: "UTC",
});

export const count = (n: number) => integer.format(n);
export const price = (value: number) => money.format(value);
export const day = (seconds: number) => date.format(new Date(seconds * 1000));

/** A score with about three significant digits and a typographic minus sign. */
export function score(value: number): string {
  const size = Math.abs(value);
  if (Number.isInteger(value) && size >= 10) return count(value).replace("-", "\u2212");
  const digits = size === 0 ? 0 : size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : size >= 0.01 ? 3 : 4;
  const text = size !== 0 && size < 0.0001 ? size.toExponential(1) : size.toFixed(digits);
  return value < 0 ? `\u2212${text}` : text;
}

export const signed = (value: number) => (value > 0 ? `+${score(value)}` : score(value));
export const plural = (n: number, one: string, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

export const spaced = (label: string) => label.replaceAll("_", " ");
export const upper = (label: string) => label.charAt(0).toUpperCase() + label.slice(1);

/** The last part of a category's code, such as "Hair cutter" of `appliances.personal.hair_cutter`. */
export const categoryName = (code: string) => upper(spaced(code.slice(code.lastIndexOf(".") + 1) || code));

/** All parts of a category's code, such as "Appliances › Personal › Hair cutter". */
export const categoryPath = (code: string) =>
  code
    .split(".")
    .map((part) => upper(spaced(part)))
    .join(" \u203a ");

/** The display name of an item: its category and brand as far as they are known, else its id. */
export function title(item: string, details?: Details | null): string {
  const { brand, category_code: code } = details ?? {};
  const parts = [code ? categoryName(code) : null, brand ? brand : null].filter(Boolean);
  return parts.length ? parts.join(" \u00b7 ") : `Item ${item}`;
}

/** A short name for the graph. */
export function shortTitle(item: string, details?: Details | null): string {
  const { brand, category_code: code } = details ?? {};
  const text =
    code && brand
      ? `${categoryName(code)}, ${brand}`
      : code
        ? categoryName(code)
        : brand
          ? `${brand} ${item}`
          : item;
  return text.length > 26 ? `${text.slice(0, 25)}\u2026` : text;
}

const DONE: Record<string, string> = {
  view: "viewed",
  cart: "carted",
  remove_from_cart: "removed from cart",
  purchase: "bought",
  buy: "bought",
  click: "clicked",
  collect: "collected",
  favorite: "favorited",
};
const DO: Record<string, string> = {
  view: "Views",
  cart: "Carts",
  remove_from_cart: "Removes from cart",
  purchase: "Buys",
  buy: "Buys",
  click: "Clicks",
  collect: "Collects",
};
export const did = (behavior: string) => DONE[behavior] ?? spaced(behavior);
export const does = (behavior: string) => DO[behavior] ?? upper(spaced(behavior));

/** What one user did, such as "viewed 3×, bought". */
export const doings = (behaviors: BehaviorCount[]) =>
  behaviors.map((b) => (b.count > 1 ? `${did(b.behavior)} ${b.count}\u00d7` : did(b.behavior))).join(", ");

/** What many users did, such as "7 viewed, 6 bought". */
export const doingsOfMany = (behaviors: BehaviorCount[]) =>
  behaviors.map((b) => `${count(b.count)} ${did(b.behavior)}`).join(", ");

export const SOURCES: Record<Source, { label: string; meaning: string }> = {
  model: { label: "Model", meaning: "Ranked by the trained model for this user" },
  fold_in: { label: "From events", meaning: "Ranked by the model from the given events, without training" },
  content: { label: "Similar item", meaning: "A new item, scored by its category, brand and price" },
  category_popularity: {
    label: "Popular in category",
    meaning: "Bestseller in the categories the user looked at",
  },
  recent_popularity: { label: "Trending", meaning: "Recent bestseller" },
  popularity: { label: "Popular", meaning: "Bestseller" },
  random: { label: "Random", meaning: "Chosen at random because no other source had an item" },
  exploration: {
    label: "Explored",
    meaning: "Chosen at random in place of a higher-ranked item (exploration)",
  },
};
