// Accessibility by axe-core, and every view at every width.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import axe from "axe-core";
import { json, rows } from "./browser.js";
import { at, base, use, user } from "./target.js";

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

/** Checks the accessibility of what the page shows. */
const check = async (page) => {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const found = violations.map(
    (v) =>
      `${v.id}: ${v.help}: ${v.nodes
        .map((n) => n.target.join(" "))
        .slice(0, 3)
        .join("; ")}`,
  );
  assert.deepEqual(found, []);
};

describe("accessibility", () => {
  for (const colorScheme of ["light", "dark"]) {
    test(
      `axe finds nothing, ${colorScheme}`,
      use(
        async (page) => {
          await page.goto(base);
          await page.locator(".starters li").first().waitFor();
          await check(page);
          await page.goto(at({ user, exploration: "0.5" }));
          await rows(page);
          await page.locator(".total").waitFor();
          await check(page);
          await page.getByRole("combobox", { name: "Search for a customer" }).click();
          await page.locator(".popup").getByRole("option").first().waitFor();
          await page.keyboard.press("ArrowDown");
          await check(page);
          await page.goto(at({ view: "model" }));
          await page.locator(".facts-grid").waitFor();
          await check(page);
          await page.goto(at({ user: "" }));
          await page.locator(".starters li").first().waitFor();
          await check(page);
        },
        { colorScheme },
      ),
    );
  }

  test(
    "axe finds nothing around a drawn graph",
    use(async (page) => {
      await page.goto(at({ user, view: "graph" }));
      await page.locator(".picture .node").first().waitFor();
      await page.getByText("The graph as a table").click();
      await check(page);
    }),
  );

  test(
    "axe finds nothing on a phone's sheet",
    use(async (page) => {
      await page.goto(at({ user }));
      await rows(page);
      await page.locator(".rows .row").first().click();
      await page.locator("dialog .total").waitFor();
      await check(page);
    }, PHONE),
  );
});

describe("every view at every width", () => {
  const views = [
    { name: "start", query: {}, ready: ".starters li" },
    { name: "recommendations", query: { user: "USER" }, ready: ".rows .row" },
    { name: "a new customer", query: { user: "" }, ready: ".starters li" },
    { name: "graph", query: { user: "USER", view: "graph" }, ready: ".picture .node" },
    { name: "products", query: { view: "items" }, ready: ".starters li" },
    { name: "a product", query: { view: "items", item: "ITEM" }, ready: "[aria-labelledby=near] li" },
    { name: "an explanation", query: { user: "USER", item: "ITEM" }, ready: ".why .total" },
    { name: "events", query: { view: "events" }, ready: ".facts-grid" },
    { name: "results", query: { view: "results" }, ready: ".facts-grid, .empty" },
    { name: "model", query: { view: "model" }, ready: ".facts-grid" },
  ];
  for (const width of [390, 1440, 2560])
    for (const colorScheme of ["light", "dark"])
      test(
        `${width} px, ${colorScheme}: axe, no horizontal scrolling, reachable by keyboard`,
        use(
          async (page) => {
            const { items } = await json(base, "v1/recommendations", { user, options: { k: 1 } });
            for (const { name, query, ready } of views) {
              const named = {
                ...query,
                ...(query.user && { user }),
                ...(query.item && { item: items[0].item }),
              };
              await page.goto(at(named));
              await page.locator(ready).first().waitFor();
              await check(page);
              const wide = await page.evaluate(() => document.documentElement.scrollWidth);
              assert.ok(wide <= width, `${name}: ${wide} px wide`);
              await page.locator("#main").focus();
              await page.keyboard.press("Tab");
              const seen = await page.evaluate(() => {
                const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
                const inside = document.querySelector("#main").contains(document.activeElement);
                return inside && outlineStyle !== "none" && outlineWidth !== "0px";
              });
              assert.ok(seen, `${name}: the focus is not visible`);
            }
          },
          { colorScheme, viewport: { width, height: width === 390 ? 844 : 1200 } },
        ),
      );
});
