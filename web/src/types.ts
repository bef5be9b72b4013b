/** The JSON that the service sends and takes. */

export interface Details {
  category_id?: string | null;
  category_code?: string | null;
  brand?: string | null;
  price?: number | null;
  title?: string | null;
  image_url?: string | null;
  page_url?: string | null;
  in_stock?: boolean | null;
}

export interface BehaviorCount {
  behavior: string;
  count: number;
}

export interface HistoryItem {
  item: string;
  behaviors: BehaviorCount[];
  weight: number;
  last_time: number | null;
  bought: boolean;
  details: Details;
}

export interface UserAnswer {
  user: string;
  known: boolean;
  history: HistoryItem[];
  model_version: string;
}

export type Source =
  | "model"
  | "fold_in"
  | "content"
  | "category_popularity"
  | "recent_popularity"
  | "popularity"
  | "random"
  | "exploration";

export interface RecommendedItem {
  item: string;
  rank: number;
  score: number;
  source: Source;
  /** Whether the user met the item before; absent for new items. */
  familiar?: boolean;
  reason: string;
  details: Details;
}

export interface Answer {
  user: string;
  known: boolean;
  source: Source;
  ignored_events?: number;
  items: RecommendedItem[];
  model_version: string;
}

export interface ContextEvent {
  item: string;
  behavior: string;
  count?: number;
}

export type Hide = "bought" | "seen" | "nothing";
export type Familiarity = "any" | "new" | "familiar";

export interface RecommendRequest {
  user: string;
  events: ContextEvent[];
  options: {
    k: number;
    hide: Hide;
    familiarity: Familiarity;
    diversity: number;
    exploration: number;
    revenue: number;
    seed: number;
    filter: { categories: string[]; brands: string[]; price_min: number | null; price_max: number | null };
  };
}

export interface Part {
  value: number;
  share: number;
}

export interface Term extends Part {
  kind: string;
  text: string;
}

export interface Contribution extends Part {
  item: string;
  details: Details;
  behaviors: BehaviorCount[];
}

export type PathNode =
  | { kind: "user" }
  | { kind: "other_users"; count: number }
  | { kind: "item"; item: string; details: Details }
  | { kind: "entity"; name: string };

export interface ExplainedEdge {
  from: PathNode;
  to: PathNode;
  behaviors: BehaviorCount[];
  /** The relation between the ends, if neither is a user. */
  relation?: { name: string; against: boolean };
  weight: number;
}

export interface ExplainedPath {
  strength: number;
  /** Whether the strength is the model's attention. */
  attention?: boolean;
  value: number | null;
  share: number | null;
  edges: ExplainedEdge[];
}

export interface Explanation {
  user: string;
  item: string;
  details: Details;
  score: number;
  bought: boolean;
  method: "path_sum" | "fold_in" | "ensemble" | "ranking" | "attention" | "evidence";
  /** What is known of the item itself; absent unless a ranking was learned. */
  terms?: Term[];
  self_contribution: Part | null;
  contributions: Contribution[];
  /** Parts that are not told one by one; the number of products is absent where histories are hidden. */
  remainder?: { n_items?: number; value: number; share: number } | null;
  rounding: number;
  paths: ExplainedPath[];
  reason: string | null;
  instead: string | null;
  model_version: string;
}

export interface FoundUser {
  id: string;
  n_items: number;
  n_bought: number;
}

export interface FoundItem {
  item: string;
  details: Details;
  n_users: number;
}

/** What customers did with an item. */
export interface ItemAnswer {
  item: string;
  details: Details;
  n_users: number;
  /** How many of them bought it; null if they are too few to tell. */
  n_bought: number | null;
  /** How many customers did what; behaviors of too few are absent. */
  behaviors: BehaviorCount[];
  /** What else its buyers bought, most buyers first. */
  also_bought: { item: string; details: Details; count: number }[];
}

export interface NeighborhoodNode {
  id: string;
  kind: "self" | "item" | "users";
  item?: string | null;
  details?: Details | null;
  count?: number | null;
}

export interface NeighborhoodEdge {
  source: string;
  target: string;
  weight: number;
  behavior?: string | null;
  /** What the user did; the page adds it from the history. */
  behaviors?: BehaviorCount[];
}

export interface Neighborhood {
  nodes: NeighborhoodNode[];
  edges: NeighborhoodEdge[];
}

export interface ModelAnswer {
  model_version: string;
  model: { name: string; layers: number; dimension: number };
  n_users: number;
  n_items: number;
  n_edges: number;
  behaviors: string[];
  categories: string[] | null;
  brands: string[] | null;
  price: { min: number; max: number } | null;
  figures: unknown;
  /** How many events it was trained on. */
  n_events?: number;
  /** The times of the first and the last of them, in seconds since 1970. */
  trained_from?: number | null;
  trained_until?: number | null;
  /** Users whose histories are neither short nor long. */
  typical_users?: FoundUser[];
  /** The currency of prices, such as `EUR`. */
  currency?: string | null;
  /** The hosts whose images may be shown. */
  image_hosts?: string[];
  /** Whether the service hides histories. */
  privacy?: boolean;
  /** Whether the service keeps which lists were shown, so that it knows what came of them. */
  impressions?: boolean;
  /** Whether models can be listed and switched here with the admin token. */
  admin_on_page?: boolean;
}

export interface RecentEvent {
  user: string;
  item: string;
  details: Details | null;
  behavior: string;
  time: number;
  count: number;
}

export interface RecentEvents {
  n_posted: number;
  n_stored: number | null;
  latest: RecentEvent[];
  days: { time: number; behaviors: BehaviorCount[] }[];
}

export interface LoadedModel {
  version: string;
  active: boolean;
  name: string;
  path: string | null;
  n_users: number;
  n_items: number;
  trained_until?: number | null;
  figures?: Record<string, number>;
}

/** How many lists or products were shown, and what customers did with them. */
export interface Rates {
  shown: number;
  clicked: number;
  converted: number;
  /** `clicked` of `shown`. */
  click_through: number;
  /** `converted` of `shown`. */
  conversion: number;
}

export interface OutcomesOfDay extends Rates {
  /** Such as `2020-03-01`, in UTC. */
  day: string;
  /** The version of the model. */
  model: string;
  /** As `EXPERIMENT/ARM`. */
  arm?: string;
  /** Absent where whole lists are counted. */
  source?: string;
}

/** A share of an arm less that of the first arm, by a sequential test. */
export interface ArmComparison {
  difference: number;
  low: number;
  high: number;
  p_value: number;
  is_different: boolean;
}

export interface ArmOutcomes extends Rates {
  /** As `EXPERIMENT/ARM`. */
  arm: string;
  /** Absent for the first arm. */
  click_through_test?: ArmComparison;
  conversion_test?: ArmComparison;
}

/** What came of the lists that were shown. */
export interface Outcomes {
  /** Latest day first. */
  days: OutcomesOfDay[];
  experiment?: { name: string; arms: ArmOutcomes[] };
}
