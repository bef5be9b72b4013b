/** A model's figures from its run record and its evaluation; any part may be missing. */

export type Metrics = Record<string, number>;

export type Part = "test" | "validation";

export interface FigureRow {
  name: string;
  /** Whether it is the active model and not a baseline. */
  main: boolean;
  part: Part;
  metrics: Metrics;
  /** Whether it is simpler than the model: a rule, a filter or a list of bestsellers. */
  simple?: boolean;
  /** How likely the model's difference from it is chance, by the leading metric; null if not tested. */
  chance?: number | null;
}

export interface CurvePoint {
  epoch: number;
  loss: number | null;
  metrics: Metrics;
}

export interface Figures {
  bestEpoch: number | null;
  rows: FigureRow[];
  /** What the comparison with the baselines was measured on; null if there is none. */
  compared: { part: Part; users: number | null; targets: number | null; leading: string | null } | null;
  curve: CurvePoint[];
}

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);

/** The figures with names such as `recall@20`; other fields are skipped. */
function metricsOf(value: unknown, prefix = ""): Metrics {
  const metrics: Metrics = {};
  if (!isObject(value)) return metrics;
  for (const [name, figure] of Object.entries(value)) {
    const key = name.slice(prefix.length);
    if (name.startsWith(prefix) && /^\w+@\d+$/.test(key) && isNumber(figure)) metrics[key] = figure;
  }
  return metrics;
}

/** The name of the learned ranking in reports. */
const RANKING = "learned ranking";

const some = (metrics: Metrics) => Object.keys(metrics).length > 0;

/** The rows of a report of `lightgcn evaluate --json`; the first is the model's own. */
function reportRows(report: Json, part: Part): FigureRow[] {
  const rows = Array.isArray(report.rows) ? report.rows.filter(isObject) : [];
  // After a learned ranking comes the model that it uses, which is no baseline.
  const first = rows[0]?.ranker === RANKING ? 2 : 1;
  return rows.flatMap((row, n) => {
    const metrics = metricsOf(row.figures);
    const test = isObject(row.first_against_this) ? row.first_against_this.p_value : null;
    const chance = isNumber(test) ? test : null;
    const name = String(row.ranker ?? "");
    return some(metrics) ? [{ name, main: n === 0, part, metrics, simple: n >= first, chance }] : [];
  });
}

/** Reads `figures` of `/v1/model`; anything that cannot be read is skipped. */
export function readFigures(value: unknown, modelName: string): Figures {
  const figures = isObject(value) ? value : {};
  const metrics = isObject(figures.metrics) ? figures.metrics : {};
  const best = metrics["best epoch"];
  const report = isObject(figures.baselines) ? figures.baselines : null;
  const part: Part = report?.part === "validation" ? "validation" : "test";
  const rows = report ? reportRows(report, part) : [];
  for (const own of ["test", "validation"] as const) {
    const found = metricsOf(metrics, `${own} `);
    const known = rows.some((row) => row.main && row.part === own);
    if (some(found) && !known) rows.push({ name: modelName, main: true, part: own, metrics: found });
  }
  const curve = (Array.isArray(figures.curve) ? figures.curve : []).filter(isObject).flatMap((point) => {
    if (!isNumber(point.epoch)) return [];
    return [
      { epoch: point.epoch, loss: isNumber(point.loss) ? point.loss : null, metrics: metricsOf(point) },
    ];
  });
  const users = isNumber(report?.n_users) ? report.n_users : null;
  const targets = isNumber(report?.n_targets) ? report.n_targets : null;
  const leading = report?.metric && isNumber(report.k) ? `${report.metric}@${report.k}` : null;
  const compared = report && rows.some((row) => !row.main) ? { part, users, targets, leading } : null;
  return { bestEpoch: isNumber(best) ? best : null, rows, compared, curve };
}

const NAMES: Record<string, string> = {
  recall: "Recall",
  ndcg: "NDCG",
  precision: "Precision",
  map: "MAP",
  mrr: "MRR",
  hit_rate: "Hit rate",
};

/** "NDCG@20" of `ndcg@20`. */
export function metricName(key: string): string {
  const [name = key, k] = key.split("@");
  return k ? `${NAMES[name] ?? name}@${k}` : (NAMES[name] ?? name);
}

const MEANINGS: Record<string, (k: string) => string> = {
  recall: (k) => `the share of what customers bought next that is among the first ${k} of their list`,
  ndcg: (k) => `how much of it is among the first ${k}, where a product counts more the higher it is`,
  precision: (k) => `the share of the first ${k} of a list that the customer bought next`,
  hit_rate: (k) => `the share of customers who bought one of the first ${k} of their list`,
};

/** What a metric such as `recall@20` says, for people. */
export function metricMeaning(key: string): string | null {
  const [name = key, k = ""] = key.split("@");
  return MEANINGS[name]?.(k) ?? null;
}

const RANKERS: Record<string, string> = {
  lightgcn: "LightGCN",
  "lightgcn++": "LightGCN++",
  mf: "Matrix factorization",
  popularity: "Popularity",
  random: "Random",
};

/** A ranker's name for people: other models, such as `mb-cgcn`, are known by their capitals. */
export function rankerName(name: string): string {
  const isModel = /^[a-z]+(-[a-z]+)*$/.test(name);
  return RANKERS[name] ?? (isModel ? name.toUpperCase() : name.charAt(0).toUpperCase() + name.slice(1));
}

/** The figure that verdicts are about. */
export function bestKey({ compared, rows }: Figures): string {
  const known = (key: string | null) => key !== null && rows.some((row) => row.metrics[key] !== undefined);
  const keys = Object.keys(rows[0]?.metrics ?? {});
  return [compared?.leading ?? null, "recall@20", "recall@10", "ndcg@20", ...keys].find(known) ?? "recall@20";
}

export interface Verdict {
  /** Whether the model beats the best of what is simpler; null if the difference may be chance. */
  better: boolean | null;
  sentence: string;
}

/** A p-value above this may be chance. */
const SIGNIFICANCE = 0.05;
/** Without a test, a relative difference below this says nothing. */
const SMALL = 0.02;

/** Whether the model is better than the best simple rule, for people; null if they were not compared. */
export function verdict({ compared, rows }: Figures, key: string): Verdict | null {
  const own = rows.find((row) => row.main && row.part === compared?.part)?.metrics[key];
  const others = rows.filter((row) => row.simple && row.metrics[key] !== undefined);
  if (!compared || own === undefined || others.length === 0) return null;
  const best = others.reduce((a, b) => ((b.metrics[key] ?? 0) > (a.metrics[key] ?? 0) ? b : a));
  const change = own / (best.metrics[key] || 1e-12) - 1;
  const tested = compared.leading === key && typeof best.chance === "number";
  const chance = tested ? (best.chance ?? 0) > SIGNIFICANCE : Math.abs(change) < SMALL;
  const rule = `the best simple rule (${rankerName(best.name)})`;
  const size = `${Math.max(1, Math.round(100 * Math.abs(change)))}%`;
  const found = key.startsWith("recall@");
  const metric = metricName(key);
  if (chance) {
    const equal = found
      ? "The model finds about as much of what people buy as"
      : `The model has about the same ${metric} as`;
    return { better: null, sentence: `${equal} ${rule}: the difference may be chance.` };
  }
  const more = change > 0 ? "more" : "less";
  const start = found
    ? `The model finds ${size} ${more} of what people buy than ${rule}`
    : `The model’s ${metric} is ${size} ${change > 0 ? "higher" : "lower"} than that of ${rule}`;
  return { better: change > 0, sentence: change > 0 ? `${start}.` : `${start}: here the rule is better.` };
}
