/** A model's figures, read from what its run and its evaluation left; parts may be missing. */

export type Metrics = Record<string, number>;

export interface FigureRow {
  name: string;
  /** Whether it is the model that answers, and not a baseline. */
  main: boolean;
  part: "test" | "validation";
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
  curve: CurvePoint[];
}

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);

/** Figures such as `recall@20` of a flat object, or of a summary with cutoffs. */
function metricsOf(value: unknown): Metrics {
  if (!isObject(value)) return {};
  if (isObject(value.overall)) return metricsOf(value.overall);
  if (isObject(value.metrics)) return metricsOf(value.metrics);
  const metrics: Metrics = {};
  if (Array.isArray(value.cutoffs)) {
    for (const cutoff of value.cutoffs) {
      if (!isObject(cutoff) || !isNumber(cutoff.k) || !isObject(cutoff.metrics)) continue;
      for (const [name, summary] of Object.entries(cutoff.metrics)) {
        const mean = isObject(summary) ? summary.mean : summary;
        if (isNumber(mean)) metrics[`${name}@${cutoff.k}`] = mean;
      }
    }
    return metrics;
  }
  for (const [name, figure] of Object.entries(value)) {
    if (name.includes("@") && isNumber(figure)) metrics[name] = figure;
  }
  return metrics;
}

const has = (metrics: Metrics) => Object.keys(metrics).length > 0;

function baselineRows(value: unknown): FigureRow[] {
  const named: [string, unknown][] = Array.isArray(value)
    ? value.filter(isObject).map((entry) => [String(entry.name ?? entry.ranker ?? ""), entry])
    : isObject(value)
      ? Object.entries(value)
      : [];
  return named.flatMap(([name, entry]) => {
    if (!name || !isObject(entry)) return [];
    const rows: FigureRow[] = [];
    for (const part of ["test", "validation"] as const) {
      const metrics = metricsOf(entry[part]);
      if (has(metrics)) rows.push({ name, main: false, part, metrics });
    }
    const own = metricsOf(entry);
    if (rows.length === 0 && has(own)) {
      rows.push({
        name,
        main: false,
        part: entry.part === "validation" ? "validation" : "test",
        metrics: own,
      });
    }
    return rows;
  });
}

/** Reads `figures` of `/v1/model`; whatever cannot be read is left out. */
export function readFigures(value: unknown, modelName: string): Figures {
  const figures = isObject(value) ? value : {};
  const best = figures.best_epoch ?? figures["best epoch"];
  const rows: FigureRow[] = [];
  for (const part of ["test", "validation"] as const) {
    const nested = metricsOf(figures[part]);
    const flat: Metrics = {};
    for (const [name, figure] of Object.entries(figures)) {
      if (name.startsWith(`${part} `) && isNumber(figure)) flat[name.slice(part.length + 1)] = figure;
    }
    const metrics = has(nested) ? nested : flat;
    if (has(metrics)) rows.push({ name: modelName, main: true, part, metrics });
  }
  rows.push(...baselineRows(figures.baselines));
  rows.sort((a, b) => (a.part < b.part ? -1 : a.part > b.part ? 1 : Number(b.main) - Number(a.main)));
  const curve = (Array.isArray(figures.curve) ? figures.curve : []).filter(isObject).flatMap((point) => {
    if (!isNumber(point.epoch)) return [];
    const metrics = { ...metricsOf(point.validation), ...metricsOf(point) };
    return [{ epoch: point.epoch, loss: isNumber(point.loss) ? point.loss : null, metrics }];
  });
  return { bestEpoch: isNumber(best) ? best : null, rows, curve };
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
  matrix_factorization: "Matrix factorization",
  popularity: "Popularity",
  random: "Random",
  "item-knn": "Item-kNN",
  "seen-not-bought": "Seen, not bought",
  "seen, not bought": "Seen, not bought",
  seen_not_bought: "Seen, not bought",
  "p3-alpha": "P3α",
  rp3beta: "RP3β",
  "rp3-beta": "RP3β",
  ease: "EASE",
};

export const rankerName = (name: string) => RANKERS[name] ?? name;
