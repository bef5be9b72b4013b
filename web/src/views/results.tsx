/** What came of the lists that were shown: by day, model and source, and by arm of the experiment. */

import * as api from "../api";
import { ApiError } from "../api";
import { useAnswer } from "../hooks";
import { byDay, type Day, grouped, ofLists, summed } from "../outcomes";
import { LineChart } from "../parts/charts";
import { Experiment } from "../parts/experiment";
import { OutcomesOfModels, RateCells, RateHeads } from "../parts/outcomes";
import { Empty, Failure, Skeleton } from "../parts/states";
import { TableScroll } from "../parts/table";
import { Tile, Tiles } from "../parts/tiles";
import type { Navigate, Route } from "../route";
import * as text from "../text";
import type { ModelAnswer, Outcomes, OutcomesOfDay, Source } from "../types";

interface Props {
  route: Route;
  navigate: Navigate;
  model: ModelAnswer | null;
}

export function ResultsView({ route, navigate, model }: Props) {
  const kept = model?.impressions !== false;
  const answer = useAnswer(model && kept ? `outcomes ${route.days}` : null, (signal) =>
    api.outcomes(route.days, signal),
  );
  const { data, error } = answer;
  // Services of an earlier version lack the route.
  const off = !kept || (error instanceof ApiError && ["no_outcomes", "no_route"].includes(error.code));
  if (off) return <Off />;
  if (error) {
    return (
      <section class="panel">
        <Failure error={error} retry={answer.retry} />
      </section>
    );
  }
  if (!data) return <Skeleton rows={8} label="Loading the results" />;
  return (
    <div class="model" aria-busy={answer.loading}>
      <Total data={data} route={route} navigate={navigate} />
      {data.experiment && <Experiment experiment={data.experiment} />}
      {data.days.length > 0 && (
        <>
          <Models rows={data.days} active={model?.model_version ?? null} />
          <Sources rows={data.days} />
        </>
      )}
      {!data.experiment && <NoExperiment />}
    </div>
  );
}

function Off() {
  return (
    <section class="panel">
      <Empty title="This service does not keep results">
        <p>
          With the setting <code>impressions = true</code> it remembers which lists it showed. Send each event
          with the <code>request_id</code> of the list that the customer saw, and this page tells how often
          they clicked and bought.
        </p>
      </Empty>
    </section>
  );
}

function NoExperiment() {
  return (
    <section class="panel" aria-labelledby="experiment">
      <h2 id="experiment">No experiment is running</h2>
      <p class="quiet">
        To find out which of two models sells more, show each to a part of the customers at the same time: see
        the setting <code>experiment</code>.
      </p>
    </section>
  );
}

const PERIODS = [
  { days: 7, name: "7 days" },
  { days: 30, name: "30 days" },
  { days: 90, name: "90 days" },
  { days: 365, name: "Year" },
];

function Total({ data, route, navigate }: { data: Outcomes; route: Route; navigate: Navigate }) {
  const lists = ofLists(data.days);
  const sum = summed(lists);
  return (
    <section class="panel" aria-labelledby="results">
      <div class="panel-head">
        <h2 id="results">What came of the recommendations</h2>
        <fieldset class="segments" aria-label="Period">
          {PERIODS.map(({ days, name }) => (
            <button
              key={days}
              type="button"
              aria-pressed={route.days === days}
              onClick={() => navigate({ days }, false)}
            >
              {name}
            </button>
          ))}
        </fieldset>
      </div>
      {sum.shown === 0 ? (
        <Empty title="No lists were shown">
          <p>
            There are none in the last {text.plural(route.days, "day")}. Lists count as soon as the shop asks
            for recommendations.
          </p>
        </Empty>
      ) : (
        <>
          <Tiles>
            <Tile name="Lists shown" value={text.count(sum.shown)} />
            <Tile
              name="Click-through"
              value={text.rate(sum.click_through)}
              note={`${text.plural(sum.clicked, "list")} with a click`}
            />
            <Tile
              name="Conversion"
              value={text.rate(sum.conversion)}
              note={`${text.plural(sum.converted, "list")} with a purchase`}
            />
          </Tiles>
          <Days days={byDay(lists)} />
        </>
      )}
    </section>
  );
}

const SECONDS = 86_400;

function Days({ days }: { days: Day[] }) {
  const nameX = (x: number) => text.shortDay(x * SECONDS);
  const shown = days.filter((day) => day.shown > 0);
  const of = (list: Day[], value: (day: Day) => number) =>
    list.map((day) => ({ x: day.time / SECONDS, y: value(day) }));
  const common = { unit: "", nameX, fromZero: true };
  const rates = { ...common, nameY: text.rate };
  return (
    <>
      <div class="charts">
        <LineChart {...common} title="Lists shown" points={of(days, (day) => day.shown)} nameY={text.count} />
        <LineChart {...rates} title="Click-through" points={of(shown, (day) => day.click_through)} />
        <LineChart {...rates} title="Conversion" points={of(shown, (day) => day.conversion)} />
      </div>
      <p class="quiet">
        A list counts on the day it was shown, so the rates of the latest days still rise as customers come
        back to buy.
      </p>
      <details class="table-details">
        <summary>The days as a table</summary>
        <TableScroll label="Results of each day">
          <table>
            <thead>
              <tr>
                <th scope="col">Day (UTC)</th>
                <RateHeads what="Lists" />
              </tr>
            </thead>
            <tbody>
              {[...days].reverse().map((day) => (
                <tr key={day.time}>
                  <th scope="row">{text.day(day.time)}</th>
                  <RateCells rates={day} />
                </tr>
              ))}
            </tbody>
          </table>
        </TableScroll>
      </details>
    </>
  );
}

function Models({ rows, active }: { rows: OutcomesOfDay[]; active: string | null }) {
  return (
    <section class="panel" aria-labelledby="by-model">
      <h2 id="by-model">By model</h2>
      <OutcomesOfModels rows={rows} active={active} />
      <p class="quiet">
        Models of different days met different customers and offers; only an experiment compares them fairly.
      </p>
    </section>
  );
}

function Sources({ rows }: { rows: OutcomesOfDay[] }) {
  const groups = grouped(
    rows.filter((row) => row.source !== undefined),
    (row) => row.source ?? "",
  );
  if (groups.length === 0) return null;
  return (
    <section class="panel" aria-labelledby="sources">
      <h2 id="sources">By source</h2>
      <p class="quiet">
        Where the products of the lists came from. Here each product counts, so the rates are lower than those
        of whole lists.
      </p>
      <TableScroll label="Results of each source">
        <table>
          <thead>
            <tr>
              <th scope="col">Source</th>
              <RateHeads what="Products" />
            </tr>
          </thead>
          <tbody>
            {groups.map(({ name, sum }) => (
              <tr key={name}>
                <th scope="row">
                  {text.SOURCES[name as Source]?.label ?? name}
                  <span class="tile-note source-meaning">{text.SOURCES[name as Source]?.meaning}</span>
                </th>
                <RateCells rates={sum} />
              </tr>
            ))}
          </tbody>
        </table>
      </TableScroll>
    </section>
  );
}
