/** A model's figures from its run record and its evaluation; any part may be missing. */

export type Metrics = Record<string, number>;

export type Part = "test" | "validation";

export interface FigureRow {
  name: string;
  /** Whether it is the active model and not a baseline. */
  main: boolean;
  part: Part;
  metrics: Metrics;
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
  compared: { part: Part; users: number | null; targets: number | null } | null;
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

const some = (metrics: Metrics) => Object.keys(metrics).length > 0;

/** The rows of a report of `lightgcn evaluate --json`; the first is the model's own. */
function reportRows(report: Json, part: Part): FigureRow[] {
  const rows = Array.isArray(report.rows) ? report.rows.filter(isObject) : [];
  return rows.flatMap((row, n) => {
    const metrics = metricsOf(row.figures);
    return some(metrics) ? [{ name: String(row.ranker ?? ""), main: n === 0, part, metrics }] : [];
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
  const compared = report && rows.some((row) => !row.main) ? { part, users, targets } : null;
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

const RANKERS: Record<string, string> = {
  lightgcn: "LightGCN",
  "lightgcn++": "LightGCN++",
  ngcf: "NGCF",
  mf: "Matrix factorization",
  "matrix-factorization": "Matrix factorization",
  popularity: "Popularity",
  random: "Random",
  "item-kNN": "Item-kNN",
  "seen, not bought": "Seen, not bought",
};

export const rankerName = (name: string) => RANKERS[name] ?? name;
