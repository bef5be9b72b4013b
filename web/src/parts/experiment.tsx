/** The arms of an experiment side by side, with a plain verdict for each. */
import { armName, armVerdict, type Deed, testOf } from "../outcomes";
import * as text from "../text";
import type { ArmOutcomes, Outcomes } from "../types";
import { IntervalChart } from "./charts";
import { RateCells, RateHeads } from "./outcomes";
import { TableScroll } from "./table";

type Running = NonNullable<Outcomes["experiment"]>;

export function Experiment({ experiment }: { experiment: Running }) {
  const { name, arms } = experiment;
  const first = arms[0];
  if (!first) return null;
  return (
    <section class="panel" aria-labelledby="experiment">
      <div class="panel-head">
        <h2 id="experiment">Experiment “{name}”</h2>
        <p class="quiet">all lists since it began</p>
      </div>
      <Verdicts arms={arms} first={first} />
      <div class="charts">
        <Differences title="Conversion" deed="conversion" arms={arms} first={first} />
        <Differences title="Click-through" deed="click_through" arms={arms} first={first} />
      </div>
      <TableScroll label="Arms of the experiment">
        <table>
          <thead>
            <tr>
              <th scope="col">Arm</th>
              <RateHeads what="Lists" />
              <th scope="col" class="number">
                p of conversion
              </th>
              <th scope="col" class="number">
                p of click-through
              </th>
            </tr>
          </thead>
          <tbody>
            {arms.map((arm) => (
              <tr key={arm.arm}>
                <th scope="row">{armName(arm.arm)}</th>
                <RateCells rates={arm} />
                <Chance arm={arm} deed="conversion" />
                <Chance arm={arm} deed="click_through" />
              </tr>
            ))}
          </tbody>
        </table>
      </TableScroll>
      <p class="quiet">
        Differences are in percentage points, with the range in which the true one lies. p is the probability
        of a difference that large if the arms were equal. The test is always valid: look as often as you like
        and end it at any time. Conversion and click-through are two tests; decide beforehand which one
        counts.
      </p>
    </section>
  );
}

interface ArmsProps {
  arms: ArmOutcomes[];
  first: ArmOutcomes;
}

function Verdicts({ arms, first }: ArmsProps) {
  return (
    <ul class="verdicts">
      {arms.map((arm) => {
        const found = armVerdict(arm, first, "conversion");
        const look = found?.better === null ? "" : found?.better ? "good" : "bad";
        const clicks = armVerdict(arm, first, "click_through");
        return (
          found && (
            <li key={arm.arm} class={`verdict ${look}`}>
              {found.sentence}
              {clicks && clicks.better !== null && <span class="tile-note">{clicks.sentence}</span>}
            </li>
          )
        );
      })}
    </ul>
  );
}

function Differences({ title, deed, arms, first }: ArmsProps & { title: string; deed: Deed }) {
  const rows = arms.flatMap((arm) => {
    const test = testOf(arm, deed);
    if (!test) return [];
    const { low, high, difference: at, is_different: sure } = test;
    return [{ name: armName(arm.arm), low, high, at, sure }];
  });
  if (rows.length === 0) return null;
  return (
    <IntervalChart
      title={`${title} compared with “${armName(first.arm)}”, in percentage points`}
      rows={rows}
    />
  );
}

function Chance({ arm, deed }: { arm: ArmOutcomes; deed: Deed }) {
  const test = testOf(arm, deed);
  return <td class="number">{test ? text.pValue(test.p_value) : "–"}</td>;
}
