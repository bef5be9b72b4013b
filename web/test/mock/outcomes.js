// What came of the lists of the mock service: 30 days, an experiment of three arms, and the test that compares them.
import { random } from "./shop.js";

const DAY = 86_400;
const LAST = Math.floor(1_582_000_000 / DAY);
const N_DAYS = 30;
/** How many days ago the experiment began. */
const N_DAYS_OF_EXPERIMENT = 18;
const EXPERIMENT = "new-loss";
const ALPHA = 0.05;
const EFFECT = 0.01;

const ARMS = [
  { arm: `${EXPERIMENT}/control`, model: "ACTIVE", lists: 1250, click: 0.212, buy: 0.031 },
  { arm: `${EXPERIMENT}/bsl`, model: "b51c44d09e217a6f8a02", lists: 1250, click: 0.226, buy: 0.0372 },
  { arm: `${EXPERIMENT}/wider`, model: "77aa02c1f9e35d64b1c8", lists: 1250, click: 0.214, buy: 0.0314 },
];
const BEFORE = { arm: "", model: "e4a90b3c7712d5f8", lists: 3600, click: 0.203, buy: 0.0295 };

const SOURCES = [
  { source: "model", part: 10, click: 0.024, buy: 0.0033 },
  { source: "content", part: 0.9, click: 0.015, buy: 0.0014 },
  { source: "recent_popularity", part: 1.1, click: 0.012, buy: 0.0011 },
];

const rates = ({ shown, clicked, converted }) => ({
  shown,
  clicked,
  converted,
  click_through: shown > 0 ? clicked / shown : 0,
  conversion: shown > 0 ? converted / shown : 0,
});

/** All rows, latest day first; `active` is the version of the active model. */
function rows(active) {
  const draw = random(20200218);
  const found = [];
  for (let ago = 0; ago < N_DAYS; ago++) {
    const date = new Date((LAST - ago) * DAY * 1000);
    const day = date.toISOString().slice(0, 10);
    const busy = [0, 6].includes(date.getUTCDay()) ? 1.25 : 1;
    // Customers come back for days, so the latest lists have fewer purchases so far.
    const ripe = 1 - 0.35 * 0.45 ** ago;
    for (const arm of ago < N_DAYS_OF_EXPERIMENT ? ARMS : [BEFORE]) {
      const common = {
        day,
        model: arm.model === "ACTIVE" ? active : arm.model,
        ...(arm.arm && { arm: arm.arm }),
      };
      const noisy = (n) => Math.round(n * (0.96 + 0.08 * draw()));
      const shown = noisy(arm.lists * busy);
      const counts = { shown, clicked: noisy(shown * arm.click), converted: noisy(shown * arm.buy * ripe) };
      found.push({ ...common, ...rates(counts) });
      for (const { source, part, click, buy } of SOURCES) {
        const items = Math.round(shown * part);
        const counts = { shown: items, clicked: noisy(items * click), converted: noisy(items * buy * ripe) };
        found.push({ ...common, source, ...rates(counts) });
      }
    }
  }
  return found;
}

/** The mixture sequential test of the service, of two shares. */
function compare(a, b, hits) {
  const share = (one) => one[hits] / one.shown;
  const variance = [a, b].reduce((sum, one) => sum + (share(one) * (1 - share(one))) / one.shown, 0);
  const alpha = ALPHA / (ARMS.length - 1);
  const difference = share(b) - share(a);
  const mixture = EFFECT ** 2;
  const sum = variance + mixture;
  const log = 0.5 * Math.log(variance / sum) + (mixture * difference ** 2) / (2 * variance * sum);
  const bound = -2 * Math.log(alpha) + Math.log(sum / variance);
  const half = Math.sqrt(((variance * sum) / mixture) * bound);
  const p = Math.min(1, Math.exp(-log));
  return {
    difference,
    low: difference - half,
    high: difference + half,
    p_value: p,
    is_different: p <= alpha,
  };
}

export function outcomes(active, days) {
  const all = rows(active);
  const first = new Date((LAST + 1 - days) * DAY * 1000).toISOString().slice(0, 10);
  const counted = ARMS.map(({ arm }) => {
    const own = all.filter((row) => row.arm === arm && row.source === undefined);
    const sum = (of) => own.reduce((total, row) => total + row[of], 0);
    return { arm, ...rates({ shown: sum("shown"), clicked: sum("clicked"), converted: sum("converted") }) };
  });
  const arms = counted.map((arm, n) => ({
    ...arm,
    ...(n > 0 && {
      click_through_test: compare(counted[0], arm, "clicked"),
      conversion_test: compare(counted[0], arm, "converted"),
    }),
  }));
  return {
    model_version: active,
    days: all.filter((row) => row.day >= first),
    experiment: { name: EXPERIMENT, arms },
  };
}
