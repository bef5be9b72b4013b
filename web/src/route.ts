/** The state of the page, kept in its address so that deep links and the back button work. */
import { useEffect, useState } from "preact/hooks";
import type { ContextEvent, Familiarity, Hide } from "./types";

const VIEWS = ["recommendations", "graph", "items", "events", "results", "model"] as const;

export type View = (typeof VIEWS)[number];

export interface Route {
  view: View;
  /** The user's id; null if none is chosen, empty for a composed user. */
  user: string | null;
  /** Hypothetical events of the user since training. */
  events: ContextEvent[];
  /** The item whose explanation is open. */
  item: string | null;
  k: number;
  diversity: number;
  exploration: number;
  revenue: number;
  seed: number;
  hide: Hide;
  familiarity: Familiarity;
  categories: string[];
  brands: string[];
  priceMin: number | null;
  priceMax: number | null;
  /** How many days of results are shown. */
  days: number;
}

export const DEFAULTS: Route = {
  view: "recommendations",
  user: null,
  events: [],
  item: null,
  k: 20,
  diversity: 0,
  exploration: 0,
  revenue: 0,
  seed: 0,
  hide: "bought",
  familiarity: "any",
  categories: [],
  brands: [],
  priceMin: null,
  priceMax: null,
  days: 30,
};

export const MAX_K = 100;
export const MAX_DAYS = 366;

function parseNumber(text: string | null, low: number, high: number): number | null {
  if (text === null || text.trim() === "") return null;
  const value = Number(text);
  return Number.isFinite(value) ? Math.min(high, Math.max(low, value)) : null;
}

function parseEvent(text: string): ContextEvent | null {
  const [behavior, item, count] = text.split(":").map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
  if (!behavior || !item) return null;
  return { behavior, item, count: parseNumber(count ?? null, 1, 99) ?? 1 };
}

/** Reads an address; missing and invalid parts take their defaults. */
export function parse(search: string): Route {
  const query = new URLSearchParams(search);
  const part = (name: string) => parseNumber(query.get(name), 0, 1) ?? 0;
  const view = query.get("view");
  const hide = query.get("hide");
  const familiarity = query.get("show");
  return {
    view: VIEWS.find((one) => one === view) ?? "recommendations",
    user: query.get("user"),
    events: query
      .getAll("event")
      .map(parseEvent)
      .filter((event) => event !== null),
    item: query.get("item"),
    k: Math.round(parseNumber(query.get("k"), 1, MAX_K) ?? DEFAULTS.k),
    diversity: part("diversity"),
    exploration: part("exploration"),
    revenue: part("revenue"),
    seed: Math.floor(parseNumber(query.get("seed"), 0, 2 ** 32) ?? 0),
    hide: hide === "seen" || hide === "nothing" ? hide : "bought",
    familiarity: familiarity === "new" || familiarity === "familiar" ? familiarity : "any",
    categories: query.getAll("category"),
    brands: query.getAll("brand"),
    priceMin: parseNumber(query.get("price_min"), 0, 1e12),
    priceMax: parseNumber(query.get("price_max"), 0, 1e12),
    days: Math.round(parseNumber(query.get("days"), 1, MAX_DAYS) ?? DEFAULTS.days),
  };
}

/** The address of a route, without the defaults. */
export function format(route: Route): string {
  const query = new URLSearchParams();
  const set = (name: string, value: string | number | null, usual: string | number | null) => {
    if (value !== usual && value !== null) query.set(name, String(value));
  };
  set("view", route.view, DEFAULTS.view);
  set("user", route.user, null);
  for (const { behavior, item, count } of route.events) {
    const name = `${encodeURIComponent(behavior)}:${encodeURIComponent(item)}`;
    query.append("event", count && count !== 1 ? `${name}:${count}` : name);
  }
  set("item", route.item, null);
  set("k", route.k, DEFAULTS.k);
  set("diversity", route.diversity, 0);
  set("exploration", route.exploration, 0);
  set("revenue", route.revenue, 0);
  set("seed", route.seed, 0);
  set("hide", route.hide, DEFAULTS.hide);
  set("show", route.familiarity, DEFAULTS.familiarity);
  for (const name of route.categories) query.append("category", name);
  for (const name of route.brands) query.append("brand", name);
  set("price_min", route.priceMin, null);
  set("price_max", route.priceMax, null);
  set("days", route.days, DEFAULTS.days);
  const text = query.toString();
  return text ? `?${text}` : location.pathname;
}

/** Changes parts of the route. With `step`, the back button undoes the change. */
export type Navigate = (change: Partial<Route>, step?: boolean) => void;

export function useRoute(): [Route, Navigate] {
  const [route, setRoute] = useState(() => parse(location.search));
  useEffect(() => {
    const back = () => setRoute(parse(location.search));
    addEventListener("popstate", back);
    return () => removeEventListener("popstate", back);
  }, []);
  const navigate: Navigate = (change, step = true) => {
    const next = { ...parse(location.search), ...change };
    const address = format(next);
    if (step) history.pushState(null, "", address);
    else history.replaceState(null, "", address);
    setRoute(next);
  };
  return [route, navigate];
}
