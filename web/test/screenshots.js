// Takes the screenshots of docs/page.md: node test/screenshots.js [FOLDER [NAME...]], from TARGET or the mock.
import { mkdirSync } from "node:fs";
import { json, startBrowser, startTarget } from "./e2e/browser.js";

const folder = process.argv[2] ?? "../docs/images";
mkdirSync(folder, { recursive: true });
const { base, real, stop } = await startTarget();
const browser = await startBrowser();

/** A user, and an item of their list with several paths. */
async function choose() {
  const { users } = await json(base, "v1/users?q=&limit=12");
  let best = null;
  for (const { id } of users) {
    const { items } = await json(base, "v1/recommendations", { user: id, options: { k: 12 } });
    for (const { item, details } of items) {
      const { paths, contributions } = await json(base, "v1/explanations", { user: id, item });
      const worth =
        Math.min(5, paths.length) +
        (contributions.some((c) => c.value < 0) ? 1 : 0) +
        (details.brand ? 1 : 0);
      if (best === null || worth > best.worth) best = { user: id, item, worth };
    }
  }
  return best;
}

const { user, item } = await choose();
/** The mock's shop is of 2020, so that its model would look old. */
const NOW = (await json(base, "v1/model")).trained_until + 90_000;
const PHONE = { width: 390, height: 844 };
const DESK = { width: 1280, height: 800 };
const shots = [
  { name: "page-light", size: DESK, scheme: "light", query: { user, item } },
  { name: "page-dark", size: DESK, scheme: "dark", query: { user, exploration: "0.2" } },
  { name: "page-phone", size: PHONE, scheme: "light", query: { user } },
  {
    name: "page-explanation",
    size: DESK,
    scheme: "light",
    query: { user, item },
    before: async (page) => {
      await page.locator(".path").nth(1).click();
      await page.mouse.move(2, 2);
      await page.locator("#paths").evaluate((heading) => heading.scrollIntoView());
    },
    of: "aside.why",
  },
  { name: "page-start", size: DESK, scheme: "light", query: {} },
  { name: "page-products", size: DESK, scheme: "light", query: { view: "items", item } },
  { name: "page-graph-phone", size: PHONE, scheme: "light", query: { user, view: "graph" } },
  { name: "page-graph", size: DESK, scheme: "light", query: { user, view: "graph" } },
  { name: "page-results", size: { width: 1280, height: 1130 }, scheme: "light", query: { view: "results" } },
  { name: "page-results-phone", size: PHONE, scheme: "light", query: { view: "results" } },
  { name: "page-model", size: { width: 1280, height: 1000 }, scheme: "light", query: { view: "model" } },
];
const wanted = process.argv.slice(3);
for (const { name, size, scheme, query, before, of } of shots) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const context = await browser.newContext({ viewport: size, colorScheme: scheme, reducedMotion: "reduce" });
  const page = await context.newPage();
  if (!real) await page.clock.setFixedTime(NOW * 1000);
  await page.goto(`${base}?${new URLSearchParams(query)}`, { waitUntil: "networkidle" });
  await page.locator(".picture svg, .rows, .facts-grid").first().waitFor();
  await page.waitForTimeout(1500);
  await before?.(page);
  await page.waitForTimeout(700);
  const path = `${folder}/${name}.png`;
  if (of) await page.locator(of).screenshot({ path });
  else await page.screenshot({ path });
  await context.close();
  console.log(path);
}
await browser.close();
await stop();
