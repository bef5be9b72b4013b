/** What came of the lists that were shown: sums over days, models and sources, and the words for a comparison. */
import * as text from "./text";
import type { ArmComparison, ArmOutcomes, OutcomesOfDay, Rates } from "./types";

const SECONDS = 86_400;

/** The seconds since 1970 at which a day such as `2020-03-01` begins; null if it is none. */
export function dayStart(day: string): number | null {
  const time = Date.parse(`${day}T00:00:00Z`) / 1000;
  return Number.isFinite(time) ? time : null;
}

export function summed(rows: Rates[]): Rates {
  const sum = (of: (row: Rates) => number) => rows.reduce((total, row) => total + of(row), 0);
  const shown = sum((row) => row.shown);
  const clicked = sum((row) => row.clicked);
  const converted = sum((row) => row.converted);
  const share = (n: number) => (shown > 0 ? n / shown : 0);
  return { shown, clicked, converted, click_through: share(clicked), conversion: share(converted) };
}

/** The rows that count whole lists. */
export const ofLists = (rows: OutcomesOfDay[]) => rows.filter((row) => row.source === undefined);

export interface Day extends Rates {
  /** In seconds since 1970. */
  time: number;
}

/** The sums of each day from the first to the last, earliest first; days without lists are among them. */
export function byDay(rows: OutcomesOfDay[]): Day[] {
  const found = new Map<number, OutcomesOfDay[]>();
  for (const row of rows) {
    const time = dayStart(row.day);
    if (time !== null) found.set(time, [...(found.get(time) ?? []), row]);
  }
  if (found.size === 0) return [];
  const first = Math.min(...found.keys());
  const n = (Math.max(...found.keys()) - first) / SECONDS + 1;
  return Array.from({ length: n }, (_, day) => {
    const time = first + day * SECONDS;
    return { time, ...summed(found.get(time) ?? []) };
  });
}

export interface Group {
  name: string;
  rows: OutcomesOfDay[];
  sum: Rates;
}

/** The rows with the same name; the group that was shown most comes first. */
export function grouped(rows: OutcomesOfDay[], nameOf: (row: OutcomesOfDay) => string): Group[] {
  const groups = new Map<string, OutcomesOfDay[]>();
  for (const row of rows) groups.set(nameOf(row), [...(groups.get(nameOf(row)) ?? []), row]);
  const all = [...groups].map(([name, own]) => ({ name, rows: own, sum: summed(own) }));
  return all.sort((a, b) => b.sum.shown - a.sum.shown || (a.name < b.name ? -1 : 1));
}

/** The arm without its experiment. */
export const armName = (label: string) => label.slice(label.indexOf("/") + 1);

export interface ArmVerdict {
  /** Whether the arm is better than the first; null if nobody can tell yet. */
  better: boolean | null;
  sentence: string;
}

const DEEDS = {
  conversion: { test: "conversion_test", does: "sells", act: "purchases" },
  click_through: { test: "click_through_test", does: "is clicked", act: "clicks" },
} as const;

export type Deed = keyof typeof DEEDS;

export const testOf = (arm: ArmOutcomes, deed: Deed): ArmComparison | undefined => arm[DEEDS[deed].test];

/** How an arm compares with the first one, for people; null for the first arm itself. */
export function armVerdict(arm: ArmOutcomes, first: ArmOutcomes, deed: Deed): ArmVerdict | null {
  const test = testOf(arm, deed);
  if (!test) return null;
  const { does, act } = DEEDS[deed];
  const [own, other] = [`“${armName(arm.arm)}”`, `“${armName(first.arm)}”`];
  if (test.is_different) {
    const change = first[deed] > 0 ? Math.abs(test.difference) / first[deed] : 0;
    const size = change > 0 ? `${text.percent(change)} ` : "";
    const p = text.pValue(test.p_value);
    const chance = p.startsWith("<") ? `p\u00a0${p}` : `p\u00a0=\u00a0${p}`;
    const more = test.difference > 0 ? "more" : "less";
    const sentence = `${own} ${does} ${size}${more} often than ${other}; the difference is real (${chance}).`;
    return { better: test.difference > 0, sentence };
  }
  if (arm.shown === 0 || first.shown === 0) {
    return { better: null, sentence: `${own} and ${other} have not both shown lists yet.` };
  }
  if (test.low <= -1 || test.high >= 1 || test.low > 0 || test.high < 0) {
    return { better: null, sentence: `Too few ${act} yet to compare ${own} with ${other}; go on.` };
  }
  const range = `${text.points(test.low)} to ${text.points(test.high)} percentage points`;
  const sentence = `No difference between ${own} and ${other} yet: it may be anything from ${range}. Go on until the range leaves out 0, or is so narrow that what remains does not matter.`;
  return { better: null, sentence };
}
