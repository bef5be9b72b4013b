/** The active model: its kind and size, its training, and its quality compared with the baselines. */
import * as api from "../api";
import type { Figures } from "../figures";
import { bestKey, metricMeaning, metricName, rankerName, readFigures, verdict } from "../figures";
import { type Pending, useAnswer } from "../hooks";
import { CompareChart, LineChart } from "../parts/charts";
import { Models } from "../parts/models";
import { OutcomesOfModels } from "../parts/outcomes";
import { Empty, Failure, Skeleton } from "../parts/states";
import { TableScroll } from "../parts/table";
import { Tile, Tiles } from "../parts/tiles";
import * as text from "../text";
import type { ModelAnswer } from "../types";
import { age } from "./start";

export function ModelView({ answer }: { answer: Pending<ModelAnswer> }) {
  const { data, error, loading, retry } = answer;
  if (error) return <Failure error={error} retry={retry} />;
  if (!data) return loading ? <Skeleton rows={8} label="Loading the model" /> : null;
  const figures = readFigures(data.figures, data.model.name);
  const known = age(data);
  return (
    <div class="model">
      <section class="panel" aria-labelledby="model">
        <div class="panel-head">
          <h2 id="model">{rankerName(data.model.name)}</h2>
          <p class="quiet mono" title="Model version">
            {data.model_version}
          </p>
        </div>
        <Tiles>
          <Tile name="Customers" value={text.count(data.n_users)} />
          <Tile name="Products" value={text.count(data.n_items)} />
          <Tile name="Edges" value={text.count(data.n_edges)} note="customer–product pairs" />
          <Tile
            name="Model age"
            value={known?.age ?? "–"}
            note={known ? `events until ${known.day}` : "no times"}
          />
          <Tile name="Layers" value={String(data.model.layers ?? "–")} />
          <Tile name="Dimension" value={String(data.model.dimension)} />
          <Tile name="Best epoch" value={figures.bestEpoch === null ? "–" : String(figures.bestEpoch)} />
        </Tiles>
        <p class="quiet">Behaviors: {data.behaviors.map(text.spaced).join(", ")}.</p>
      </section>
      <Quality figures={figures} />
      <Curves figures={figures} />
      {data.impressions && <Results version={data.model_version} />}
      {data.admin_on_page && <Models />}
    </div>
  );
}

/** How many days of results are shown here. */
const DAYS = 90;

/** What came of each model's lists; nothing where none were shown. */
function Results({ version }: { version: string }) {
  const { data } = useAnswer(`outcomes ${version}`, (signal) => api.outcomes(DAYS, signal));
  if (!data?.days.length) return null;
  return (
    <section class="panel" aria-labelledby="by-model">
      <div class="panel-head">
        <h2 id="by-model">What came of each model’s lists</h2>
        <p class="quiet">the last {DAYS} days</p>
      </div>
      <OutcomesOfModels rows={data.days} active={version} />
    </section>
  );
}

const ORDER = ["recall@20", "ndcg@20"];

function metricKeys(figures: Figures): string[] {
  const keys = new Set(figures.rows.flatMap((row) => Object.keys(row.metrics)));
  return [...keys].sort((a, b) => {
    const place = (key: string) => (ORDER.includes(key) ? ORDER.indexOf(key) : ORDER.length);
    return place(a) - place(b) || a.localeCompare(b, "en", { numeric: true });
  });
}

function measured({ part, users, targets }: NonNullable<Figures["compared"]>): string {
  const of = users !== null && targets !== null;
  const by = of ? `: ${text.plural(users, "customer")}, ${text.plural(targets, "target")}` : "";
  return `measured on the ${part} part${by}`;
}

function Quality({ figures }: { figures: Figures }) {
  const { compared } = figures;
  const found = verdict(figures, bestKey(figures));
  const rows = compared ? figures.rows.filter((row) => row.part === compared.part) : [];
  const keys = metricKeys(figures);
  const sorted = (key: string) =>
    rows
      .filter((row) => row.metrics[key] !== undefined)
      .map((row) => ({ name: rankerName(row.name), value: row.metrics[key] ?? 0, main: row.main }))
      .sort((a, b) => b.value - a.value);
  const charted = (rows.length > 1 ? keys.filter((key) => sorted(key).length > 1) : []).slice(0, 2);
  const at20 = keys.filter((key) => key.endsWith("@20"));
  const shown = (at20.length > 0 ? at20 : keys).slice(0, 8);
  return (
    <section class="panel" aria-labelledby="quality">
      <div class="panel-head">
        <h2 id="quality">Compared with the baselines</h2>
        <p class="quiet">{compared && measured(compared)}</p>
      </div>
      {figures.rows.length === 0 ? (
        <Empty title="This model has no figures">
          <p>Train with a validation part, or save the report of evaluate beside the model.</p>
        </Empty>
      ) : (
        <>
          {found && <p class="lead">{found.sentence}</p>}
          {charted.length > 0 && (
            <div class="charts">
              {charted.map((key) => (
                <CompareChart key={key} title={metricName(key)} rows={sorted(key)} />
              ))}
            </div>
          )}
          {!compared && (
            <p class="quiet">No baselines are saved beside this model; run evaluate to measure them.</p>
          )}
          <TableScroll label="Figures">
            <table>
              <thead>
                <tr>
                  <th scope="col">Ranker</th>
                  <th scope="col">Part</th>
                  {shown.map((key) => (
                    <th key={key} scope="col" class="number">
                      {metricName(key)}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {figures.rows.map((row) => (
                  <tr key={`${row.name} ${row.part} ${row.main}`} class={row.main ? "main" : ""}>
                    <th scope="row">{rankerName(row.name)}</th>
                    <td>{row.part}</td>
                    {shown.map((key) => (
                      <td key={key} class="number">
                        {row.metrics[key]?.toFixed(4) ?? "–"}
                      </td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </TableScroll>
          <Meanings keys={shown} />
        </>
      )}
    </section>
  );
}

/** What the metrics of a table mean. */
function Meanings({ keys }: { keys: string[] }) {
  const known = keys.flatMap((key) => {
    const meaning = metricMeaning(key);
    return meaning ? [`${metricName(key)}: ${meaning}.`] : [];
  });
  return known.length > 0 ? <p class="quiet">{known.join(" ")} Higher is better.</p> : null;
}

function Curves({ figures }: { figures: Figures }) {
  const { curve, bestEpoch } = figures;
  const losses = curve.flatMap((p) => (p.loss === null ? [] : [{ x: p.epoch, y: p.loss }]));
  const of = (key: string) =>
    curve.flatMap((p) => (p.metrics[key] === undefined ? [] : [{ x: p.epoch, y: p.metrics[key] }]));
  const levels = (key: string) =>
    figures.rows
      .filter((row) => !row.main && row.part === "validation" && row.metrics[key] !== undefined)
      .map((row) => ({ name: rankerName(row.name), y: row.metrics[key] ?? 0 }));
  const present = [
    "recall@20",
    "ndcg@20",
    ...Object.keys(curve.find((p) => Object.keys(p.metrics).length)?.metrics ?? {}),
  ];
  const keys = [...new Set(present)].filter((key) => of(key).length > 0).slice(0, 2);
  return (
    <section class="panel" aria-labelledby="curves">
      <h2 id="curves">Training</h2>
      {losses.length === 0 && keys.length === 0 ? (
        <Empty title="This model has no run record">
          <p>Keep the folder of its run beside the model to see the curves.</p>
        </Empty>
      ) : (
        <>
          <div class="charts">
            {losses.length > 0 && <LineChart title="Loss" points={losses} best={bestEpoch} />}
            {keys.map((key) => (
              <LineChart
                key={key}
                title={`${metricName(key)} on validation`}
                points={of(key)}
                levels={levels(key)}
                best={bestEpoch}
              />
            ))}
          </div>
          <details class="table-details">
            <summary>The curves as a table</summary>
            <TableScroll label="Epochs">
              <table>
                <thead>
                  <tr>
                    <th scope="col" class="number">
                      Epoch
                    </th>
                    <th scope="col" class="number">
                      Loss
                    </th>
                    {keys.map((key) => (
                      <th key={key} scope="col" class="number">
                        {metricName(key)}
                      </th>
                    ))}
                  </tr>
                </thead>
                <tbody>
                  {curve.map((point) => (
                    <tr key={point.epoch} class={point.epoch === bestEpoch ? "main" : ""}>
                      <td class="number">{point.epoch}</td>
                      <td class="number">{point.loss === null ? "–" : point.loss.toFixed(4)}</td>
                      {keys.map((key) => (
                        <td key={key} class="number">
                          {point.metrics[key]?.toFixed(4) ?? "–"}
                        </td>
                      ))}
                    </tr>
                  ))}
                </tbody>
              </table>
            </TableScroll>
          </details>
        </>
      )}
    </section>
  );
}
