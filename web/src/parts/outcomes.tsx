/** What came of lists, by model. */
import { byDay, type Group, grouped, ofLists } from "../outcomes";
import * as text from "../text";
import type { OutcomesOfDay, Rates } from "../types";
import { Sparkline } from "./charts";
import { TableScroll } from "./table";

/** The cells that every table of outcomes has, after the name; `what` was shown. */
export function RateHeads({ what }: { what: string }) {
  return (
    <>
      <th scope="col" class="number">
        {what} shown
      </th>
      <th scope="col" class="number">
        Click-through
      </th>
      <th scope="col" class="number">
        Conversion
      </th>
    </>
  );
}

export function RateCells({ rates }: { rates: Rates }) {
  const some = rates.shown > 0;
  return (
    <>
      <td class="number">{text.count(rates.shown)}</td>
      <td class="number">{some ? text.rate(rates.click_through) : "–"}</td>
      <td class="number">{some ? text.rate(rates.conversion) : "–"}</td>
    </>
  );
}

interface Props {
  rows: OutcomesOfDay[];
  /** The version of the active model. */
  active: string | null;
}

/** Each model that showed lists, with its conversion from day to day. */
export function OutcomesOfModels({ rows, active }: Props) {
  return (
    <TableScroll label="Results of each model">
      <table>
        <thead>
          <tr>
            <th scope="col">Model</th>
            <th scope="col">Days</th>
            <RateHeads what="Lists" />
            <th scope="col">Conversion by day</th>
          </tr>
        </thead>
        <tbody>
          {grouped(ofLists(rows), (row) => row.model).map((group) => (
            <Row key={group.name} group={group} active={group.name === active} />
          ))}
        </tbody>
      </table>
    </TableScroll>
  );
}

function Row({ group, active }: { group: Group; active: boolean }) {
  const days = byDay(group.rows).filter((day) => day.shown > 0);
  const [first, last] = [days[0], days.at(-1)];
  const when = first && last ? [first, last].map(({ time }) => text.shortDay(time)) : [];
  const most = Math.max(0, ...days.map((day) => day.conversion));
  return (
    <tr class={active ? "main" : ""}>
      <th scope="row" class="mono" title={group.name}>
        {group.name.slice(0, 8)}
        {active && <span class="tile-note">active</span>}
      </th>
      <td class="nowrap">{first === last ? (when[0] ?? "–") : when.join(" – ")}</td>
      <RateCells rates={group.sum} />
      <td>
        {first && last && first !== last ? (
          <Sparkline
            points={days.map(({ time, conversion }) => ({ x: time, y: conversion }))}
            label={`${text.rate(first.conversion)} on ${when[0]}, ${text.rate(last.conversion)} on ${when[1]}, at most ${text.rate(most)}`}
          />
        ) : (
          "–"
        )}
      </td>
    </tr>
  );
}
