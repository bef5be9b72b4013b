/** What the service sends and takes, as its JSON has it. */

export interface Details {
  category_id?: string | null;
  category_code?: string | null;
  brand?: string | null;
  price?: number | null;
}

export interface BehaviourCount {
  behaviour: string;
  count: number;
}

export interface HistoryItem {
  product: string;
  behaviours: BehaviourCount[];
  weight: number;
  last_time: number | null;
  bought: boolean;
  details: Details;
}

export interface ConsumerAnswer {
  consumer: string;
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
  product: string;
  rank: number;
  score: number;
  source: Source;
  reason: string;
  details: Details;
}

export interface Answer {
  consumer: string;
  known: boolean;
  source: Source;
  ignored_events?: number;
  items: RecommendedItem[];
  model_version: string;
}

export interface ContextEvent {
  product: string;
  behaviour: string;
  count?: number;
}

export type Hide = "bought" | "seen" | "nothing";

export interface RecommendRequest {
  consumer: string;
  events: ContextEvent[];
  options: {
    k: number;
    hide: Hide;
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

export interface Contribution extends Part {
  product: string;
  details: Details;
  behaviours: BehaviourCount[];
}

export type PathNode =
  | { kind: "consumer" }
  | { kind: "other_consumers"; count: number }
  | { kind: "product"; product: string; details: Details };

export interface ExplainedEdge {
  from: PathNode;
  to: PathNode;
  behaviours: BehaviourCount[];
  weight: number;
}

export interface ExplainedPath {
  strength: number;
  value: number | null;
  share: number | null;
  edges: ExplainedEdge[];
}

export interface Explanation {
  consumer: string;
  product: string;
  details: Details;
  score: number;
  bought: boolean;
  method: "path_sum" | "fold_in" | "ensemble" | "evidence";
  own_taste: Part | null;
  contributions: Contribution[];
  rounding: number;
  paths: ExplainedPath[];
  reason: string | null;
  instead: string | null;
  model_version: string;
}

export interface FoundConsumer {
  id: string;
  n_products: number;
  n_bought: number;
}

export interface FoundProduct {
  product: string;
  details: Details;
  n_consumers: number;
}

export interface NeighbourhoodNode {
  id: string;
  kind: "self" | "product" | "consumers";
  product?: string | null;
  details?: Details | null;
  count?: number | null;
}

export interface NeighbourhoodEdge {
  source: string;
  target: string;
  weight: number;
  behaviour?: string | null;
}

export interface Neighbourhood {
  nodes: NeighbourhoodNode[];
  edges: NeighbourhoodEdge[];
}

export interface ModelAnswer {
  model_version: string;
  model: { name: string; layers: number; dimension: number };
  n_consumers: number;
  n_products: number;
  n_edges: number;
  behaviours: string[];
  categories: string[] | null;
  brands: string[] | null;
  price: { min: number; max: number } | null;
  figures: unknown;
}
