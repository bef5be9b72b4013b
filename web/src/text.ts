/** Formats words and numbers for people. */
import type { BehaviorCount, Details, Source } from "./types";

const LOCALE = "en";
const integer = new Intl.NumberFormat(LOCALE);
const plainMoney = new Intl.NumberFormat(LOCALE, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
let money = plainMoney;
const date = new Intl.DateTimeFormat(LOCALE, {
  day: "numeric",
  month: "short",
  year: "numeric",
  timeZone: "UTC",
});

const brief = new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "short", timeZone: "UTC" });

const clock = new Intl.DateTimeFormat(LOCALE, {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
  timeZone: "UTC",
});

export const count = (n: number) => integer.format(n);
/** Sets the currency of all prices, such as `EUR`; without one they are plain numbers. */
export function setCurrency(code: string | null | undefined): void {
  try {
    money = code ? new Intl.NumberFormat(LOCALE, { style: "currency", currency: code }) : plainMoney;
  } catch {
    money = plainMoney;
  }
}

export const price = (value: number) => money.format(value);
export const moment = (seconds: number) => clock.format(new Date(seconds * 1000));
export const day = (seconds: number) => date.format(new Date(seconds * 1000));
/** A day without its year, such as "Mar 1". */
export const shortDay = (seconds: number) => brief.format(new Date(seconds * 1000));

/** A score with about three significant digits and a typographic minus sign. */
export function score(value: number): string {
  const size = Math.abs(value);
  if (Number.isInteger(value) && size >= 10) return count(value).replace("-", "\u2212");
  const digits = size === 0 ? 0 : size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : size >= 0.01 ? 3 : 4;
  const text = size !== 0 && size < 0.0001 ? size.toExponential(1) : size.toFixed(digits);
  return value < 0 ? `\u2212${text}` : text;
}

/** A share of a whole, such as "34%"; small ones are not rounded to nothing. */
export function percent(share: number): string {
  const size = Math.abs(share);
  const sign = share < 0 ? "\u2212" : "";
  if (size === 0) return "0%";
  if (size < 0.005) return `${sign}<1%`;
  return `${sign}${Math.round(100 * size)}%`;
}

/** A share that is compared with others, such as "2.34%". */
export function rate(share: number): string {
  const size = Math.abs(100 * share);
  const sign = share < 0 ? "\u2212" : "";
  return size === 0 ? "0%" : `${sign}${size.toFixed(size >= 10 ? 1 : 2)}%`;
}

/** A difference of two shares, such as "+0.46 points". */
export const points = (difference: number) =>
  `${difference > 0 ? "+" : difference < 0 ? "\u2212" : ""}${Math.abs(100 * difference).toFixed(2)}`;

/** A p-value, such as "0.012". */
export const pValue = (p: number) => (p < 0.001 ? "< 0.001" : String(Number(p.toPrecision(2))));

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

/** The display name of a product: its title, or else its category or number with its brand. */
export function title(item: string, details?: Details | null): string {
  const { title: own, brand, category_code: code } = details ?? {};
  if (own) return own;
  const kind = code ? categoryName(code) : `Product ${item}`;
  return brand ? `${kind} \u00b7 ${brand}` : kind;
}

/** Whether a product's display name is other than its number. */
export const isNamed = (details?: Details | null) => Boolean(details?.title || details?.category_code);

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

/** What many customers did, such as "7 viewed, 6 bought"; "met" where too few did the same. */
export const doingsOfMany = (behaviors: BehaviorCount[]) =>
  behaviors.map((b) => `${count(b.count)} ${did(b.behavior)}`).join(", ") || "met";

/** The strongest of what a customer did, such as "bought". */
export function mainDeed(behaviors: BehaviorCount[]): string {
  const names = behaviors.map((b) => b.behavior).filter((name) => name !== "remove_from_cart");
  const strong = ["purchase", "buy", "cart"].find((name) => names.includes(name));
  const name = strong ?? names[0];
  return name ? did(name) : "met";
}

export const SOURCES: Record<Source, { label: string; meaning: string }> = {
  model: { label: "Model", meaning: "Ranked by the model for this customer" },
  fold_in: { label: "From events", meaning: "Ranked by the model from the given events, without training" },
  content: { label: "Similar", meaning: "A new product, scored by its category, brand and price" },
  category_popularity: {
    label: "Popular in category",
    meaning: "Bestseller in the categories that the customer looked at",
  },
  recent_popularity: { label: "Trending", meaning: "Recent bestseller" },
  popularity: { label: "Popular", meaning: "Bestseller" },
  random: { label: "Random", meaning: "Chosen at random because no other source had a product" },
  exploration: {
    label: "Explored",
    meaning: "Chosen at random in place of a higher-ranked product (exploration)",
  },
};
