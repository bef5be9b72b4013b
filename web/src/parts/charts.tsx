/** Small SVG charts: lines over epochs or days, and bars that compare. */
import { useState } from "preact/hooks";
import * as text from "../text";

interface LineProps {
  title: string;
  points: { x: number; y: number }[];
  /** Horizontal lines to compare with, such as baselines. */
  levels?: { name: string; y: number }[];
  /** The epoch that was kept. */
  best?: number | null;
  /** What is written before a value of x. */
  unit?: string;
  nameX?: (x: number) => string;
  nameY?: (y: number) => string;
  /** Whether the scale begins at 0, as it should for shares and counts. */
  fromZero?: boolean;
}

const WIDTH = 420;
const HEIGHT = 210;
const LEFT = 46;
const ALONE = 14;
/** The width for the names of levels. */
const NAMES = 128;
const TOP = 14;
const BOTTOM = 28;

/** Round numbers that divide [low, high] into about `n` steps. */
export function ticks(low: number, high: number, n: number): number[] {
  const raw = (high - low || 1) / n;
  const size = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((f) => f * size).find((s) => s >= raw) ?? raw;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, k) =>
    Number(((first + k) * step).toPrecision(10)),
  );
}

/** The heights of the names of levels: beside the levels, but at least a line of text apart. */
function spread(heights: number[], apart: number): number[] {
  const order = heights.map((_, n) => n).sort((a, b) => (heights[a] ?? 0) - (heights[b] ?? 0));
  const placed = [...heights];
  for (let n = order.length - 2; n >= 0; n--) {
    const [here, below] = [order[n] ?? 0, order[n + 1] ?? 0];
    placed[here] = Math.min(placed[here] ?? 0, (placed[below] ?? 0) - apart);
  }
  return placed;
}

export function LineChart(props: LineProps) {
  const { title, points, levels = [], best, unit = "epoch", nameX = String, fromZero = false } = props;
  const { nameY = text.score } = props;
  const named = (value: number) => `${unit} ${nameX(value)}`.trim();
  const right = levels.length ? NAMES : props.nameX ? 2 * ALONE : ALONE;
  const [at, setAt] = useState<number | null>(null);
  const xs = points.map((point) => point.x);
  const ys = [...points.map((point) => point.y), ...levels.map((level) => level.y)];
  const [x0, x1] = [Math.min(...xs), Math.max(...xs)];
  const low = fromZero ? 0 : Math.min(...ys);
  const range = Math.max(...ys) - low || 1;
  const y0 = Math.max(0, low - 0.06 * range);
  const y1 = Math.max(...ys) + 0.06 * range;
  const x = (value: number) => LEFT + ((value - x0) / (x1 - x0 || 1)) * (WIDTH - LEFT - right);
  const y = (value: number) => HEIGHT - BOTTOM - ((value - y0) / (y1 - y0 || 1)) * (HEIGHT - TOP - BOTTOM);
  const names = spread(
    levels.map((level) => y(level.y) + 4),
    14,
  );
  const line = points
    .map((point, n) => `${n ? "L" : "M"}${x(point.x).toFixed(1)} ${y(point.y).toFixed(1)}`)
    .join("");
  const shown = at !== null ? points[at] : undefined;
  const kept = points.find((point) => point.x === best);
  const marked = shown ?? kept ?? points.at(-1);
  const nearest = (event: PointerEvent) => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    const value = ((event.clientX - box.left) / box.width) * WIDTH;
    let closest = 0;
    points.forEach((point, n) => {
      if (Math.abs(x(point.x) - value) < Math.abs(x(points[closest]?.x ?? 0) - value)) closest = n;
    });
    setAt(closest);
  };
  return (
    <figure class="chart">
      <figcaption>
        <span>{title}</span>
        {marked && (
          <span class="quiet">
            {named(marked.x)}
            {marked === kept && !shown ? " (kept)" : ""}: <b>{nameY(marked.y)}</b>
          </span>
        )}
      </figcaption>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        role="img"
        aria-label={`${title} from ${named(x0)} to ${nameX(x1)}; the table below has the numbers`}
        onPointerMove={nearest}
        onPointerLeave={() => setAt(null)}
      >
        {ticks(y0, y1, 4).map((value) => (
          <g key={value} class="grid">
            <line x1={LEFT} x2={WIDTH - right} y1={y(value)} y2={y(value)} />
            <text x={LEFT - 8} y={y(value) + 4} text-anchor="end">
              {props.nameY ? nameY(value).replace(/\.0+(?=%)/, "") : value}
            </text>
          </g>
        ))}
        {ticks(x0, x1, props.nameX ? 4 : 6)
          .filter(Number.isInteger)
          .map((value) => (
            <text key={value} x={x(value)} y={HEIGHT - 8} text-anchor="middle">
              {nameX(value)}
            </text>
          ))}
        {levels.map((level, n) => (
          <g key={level.name} class="level">
            <line x1={LEFT} x2={WIDTH - right} y1={y(level.y)} y2={y(level.y)} />
            <text x={WIDTH - right + 6} y={names[n]}>
              {level.name}
            </text>
          </g>
        ))}
        <path class="line" d={line} />
        {points.length === 1 && <circle class="kept" cx={x(x0)} cy={y(ys[0] ?? 0)} r={4.5} />}
        {kept && <circle class="kept" cx={x(kept.x)} cy={y(kept.y)} r={4.5} />}
        {shown && (
          <g class="cursor">
            <line x1={x(shown.x)} x2={x(shown.x)} y1={TOP} y2={HEIGHT - BOTTOM} />
            <circle cx={x(shown.x)} cy={y(shown.y)} r={4} />
          </g>
        )}
      </svg>
    </figure>
  );
}

interface CompareProps {
  title: string;
  rows: { name: string; value: number; main: boolean }[];
}

/** Bars on a common scale. */
export function CompareChart({ title, rows }: CompareProps) {
  const most = Math.max(...rows.map((row) => row.value), 1e-12);
  return (
    <figure class="compare">
      <figcaption>{title}</figcaption>
      <ul>
        {rows.map((row) => (
          <li key={row.name} class={row.main ? "main" : ""}>
            <span class="compare-name">{row.name}</span>
            <span class="compare-track" aria-hidden="true">
              <span style={{ width: `${(100 * row.value) / most}%` }} />
            </span>
            <span class="compare-value">{row.value.toFixed(4)}</span>
          </li>
        ))}
      </ul>
    </figure>
  );
}

/** A bar for each day. */
export function DaysChart({ days }: { days: { name: string; value: number }[] }) {
  const [at, setAt] = useState<number | null>(null);
  const most = Math.max(...days.map((day) => day.value), 1);
  const step = WIDTH / days.length;
  const marked = days[at ?? days.length - 1];
  return (
    <figure class="chart days">
      <figcaption>
        <span>
          {days[0]?.name} to {days.at(-1)?.name}
        </span>
        <span class="quiet">
          {marked?.name}: <b>{text.count(marked?.value ?? 0)}</b>
        </span>
      </figcaption>
      <svg
        viewBox={`0 0 ${WIDTH} 90`}
        role="img"
        aria-label={`Events of ${days.length} days, at most ${text.count(most)}; the table below has the numbers`}
        onPointerLeave={() => setAt(null)}
      >
        {days.map(({ name, value }, n) => {
          const height = (88 * value) / most;
          return (
            <g key={name} onPointerEnter={() => setAt(n)}>
              <rect class="reach" x={n * step} y={0} width={step} height={90} />
              <rect
                class="day"
                x={n * step + 0.5}
                y={90 - height}
                width={Math.max(1, step - 1)}
                height={height}
              />
            </g>
          );
        })}
      </svg>
    </figure>
  );
}

const SPARK = { width: 130, height: 30, edge: 4 };

/** A line in a row of a table, from 0 to its highest value; `label` says what it shows. */
export function Sparkline({ points, label }: { points: { x: number; y: number }[]; label: string }) {
  const xs = points.map((point) => point.x);
  const [x0, x1] = [Math.min(...xs), Math.max(...xs)];
  const most = Math.max(...points.map((point) => point.y)) || 1;
  const { width, height, edge } = SPARK;
  const at = points.map(({ x, y }) => [
    edge + ((x - x0) / (x1 - x0 || 1)) * (width - 2 * edge),
    height - edge - (y / most) * (height - 2 * edge),
  ]);
  const [cx, cy] = at.at(-1) ?? [0, 0];
  return (
    <svg
      class="spark"
      viewBox={`0 0 ${width} ${height}`}
      width={width}
      height={height}
      role="img"
      aria-label={label}
    >
      <path d={at.map(([x = 0, y = 0], n) => `${n ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("")} />
      <circle cx={cx} cy={cy} r={2.6} />
    </svg>
  );
}

interface IntervalsProps {
  title: string;
  rows: { name: string; low: number; high: number; at: number; sure: boolean }[];
}

/** Differences with their intervals on a common scale, with a line at 0. */
export function IntervalChart({ title, rows }: IntervalsProps) {
  const low = Math.min(0, ...rows.map((row) => row.low));
  const high = Math.max(0, ...rows.map((row) => row.high));
  const place = (value: number) => (100 * (value - low)) / (high - low || 1);
  return (
    <figure class="compare intervals">
      <figcaption>{title}</figcaption>
      <ul>
        {rows.map((row) => (
          <li key={row.name} class={row.sure ? "main" : ""}>
            <span class="compare-name">{row.name}</span>
            <span class="interval" aria-hidden="true">
              <span class="interval-zero" style={{ left: `${place(0)}%` }} />
              <span
                class="interval-range"
                style={{ left: `${place(row.low)}%`, width: `${place(row.high) - place(row.low)}%` }}
              />
              <span class="interval-at" style={{ left: `${place(row.at)}%` }} />
            </span>
            <span class="compare-value">
              {text.points(row.at)}
              <span class="tile-note nowrap">
                {text.points(row.low)} to {text.points(row.high)}
              </span>
            </span>
          </li>
        ))}
      </ul>
    </figure>
  );
}
