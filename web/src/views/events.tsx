/** What happens in the shop: the latest events, and how many there were on each day of training. */
import { useEffect, useState } from "preact/hooks";
import * as api from "../api";
import { useAnswer } from "../hooks";
import { DaysChart } from "../parts/charts";
import { Empty, Failure, Skeleton } from "../parts/states";
import { TableScroll } from "../parts/table";
import { Tile, Tiles } from "../parts/tiles";
import type { Navigate } from "../route";
import * as text from "../text";
import type { RecentEvent, RecentEvents } from "../types";

/** Milliseconds between two looks at the latest events. */
const PAUSE = 3000;

/** A number that grows while the page is visible. */
function useTick(): number {
  const [tick, setTick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) setTick((n) => n + 1);
    }, PAUSE);
    return () => clearInterval(timer);
  }, []);
  return tick;
}

export function EventsView({ navigate }: { navigate: Navigate }) {
  const answer = useAnswer(`events ${useTick()}`, (signal) => api.recentEvents(signal));
  const { data, error } = answer;
  if (error && !data) {
    return (
      <section class="panel">
        <Failure error={error} retry={answer.retry} />
      </section>
    );
  }
  if (!data) return <Skeleton rows={8} label="Loading the events" />;
  return (
    <div class="model">
      <section class="panel" aria-labelledby="latest">
        <h2 id="latest">Latest events</h2>
        <Tiles>
          <Tile name="Since the service started" value={text.count(data.n_posted)} />
          <Tile
            name="Kept for the next training"
            value={data.n_stored === null ? "–" : text.count(data.n_stored)}
          />
        </Tiles>
        {data.latest.length === 0 ? (
          <Empty title="No events yet">
            <p>Events that the shop posts to the service appear here within seconds.</p>
          </Empty>
        ) : (
          <Tail events={data.latest} navigate={navigate} />
        )}
      </section>
      <Days days={data.days} />
    </div>
  );
}

function Tail({ events, navigate }: { events: RecentEvent[]; navigate: Navigate }) {
  return (
    <TableScroll label="Latest events">
      <table class="tail">
        <thead>
          <tr>
            <th scope="col">Time (UTC)</th>
            <th scope="col">Customer</th>
            <th scope="col">Did</th>
            <th scope="col">Product</th>
          </tr>
        </thead>
        <tbody>
          {events.map(({ user, item, details, behavior, time, count }, n) => (
            <tr key={`${events.length - n} ${time} ${user} ${item}`}>
              <td class="nowrap">{text.moment(time)}</td>
              <td>
                <button
                  type="button"
                  class="link"
                  onClick={() => navigate({ view: "recommendations", user, events: [], item: null })}
                >
                  {user}
                </button>
              </td>
              <td>{text.doings([{ behavior, count }])}</td>
              <td>
                {details ? (
                  <button type="button" class="link" onClick={() => navigate({ view: "items", item })}>
                    {text.title(item, details)}
                  </button>
                ) : (
                  `${text.title(item)} (new)`
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableScroll>
  );
}

function Days({ days }: { days: RecentEvents["days"] }) {
  if (days.length === 0) return null;
  const rows = days.map(({ time, behaviors }) => ({
    time,
    behaviors,
    total: behaviors.reduce((sum, one) => sum + one.count, 0),
  }));
  return (
    <section class="panel" aria-labelledby="days">
      <h2 id="days">Events of each day of training</h2>
      <DaysChart days={rows.map(({ time, total }) => ({ name: text.day(time), value: total }))} />
      <details class="table-details">
        <summary>The days as a table</summary>
        <TableScroll label="Days">
          <table>
            <thead>
              <tr>
                <th scope="col">Day</th>
                <th scope="col" class="number">
                  Events
                </th>
                <th scope="col">Of these</th>
              </tr>
            </thead>
            <tbody>
              {[...rows].reverse().map(({ time, behaviors, total }) => (
                <tr key={time}>
                  <th scope="row">{text.day(time)}</th>
                  <td class="number">{text.count(total)}</td>
                  <td>{behaviors.length > 0 ? text.doingsOfMany(behaviors) : "–"}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </TableScroll>
      </details>
    </section>
  );
}
