// What came of the lists: rates by day, model and source, and experiments.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { json, rows } from "./browser.js";
import { at, base, use, user } from "./target.js";

const HOSTILE = '"><img src=x onerror="window.__attacked = 5">';

/** Opens the results with an answer of the test's own; 404 if it is null. */
const withAnswer = async (page, answer, query = {}) => {
  await page.route("**/v1/outcomes*", (route) =>
    answer
      ? route.fulfill({ json: answer })
      : route.fulfill({
          status: 404,
          json: { error: { code: "no_outcomes", message: "outcomes are not counted" } },
        }),
  );
  await page.goto(at({ view: "results", ...query }));
};

const rates = (shown, clicked, converted) => ({
  shown,
  clicked,
  converted,
  click_through: shown ? clicked / shown : 0,
  conversion: shown ? converted / shown : 0,
});

const tiles = (page) => page.locator("section[aria-labelledby=results] .facts-grid dd").allInnerTexts();
const cells = async (page, section) => {
  const rows = await page.locator(`section[aria-labelledby=${section}] tbody tr`).allInnerTexts();
  return rows.map((row) => row.split("\t").map((cell) => cell.trim()));
};

/** A conversion test of an arm. */
const compared = (difference, low, high, p, different) => ({
  difference,
  low,
  high,
  p_value: p,
  is_different: different,
});

const arm = (name, counts, conversion, clicks) => ({
  arm: `colors/${name}`,
  ...rates(...counts),
  ...(conversion && { conversion_test: conversion }),
  ...(clicks && { click_through_test: clicks }),
});

const CONTROL = arm("control", [1000, 200, 50]);
const NOTHING = compared(0, -1, 1, 1, false);
const DAYS = [{ day: "2020-03-01", model: "m", ...rates(1000, 200, 50) }];

describe("results", () => {
  test(
    "are those of the service",
    use(
      async (page) => {
        const model = await json(base, "v1/model");
        const reply = await fetch(`${base}v1/outcomes`);
        await page.goto(at({ view: "results" }));
        if (reply.status === 404) {
          await page.getByText("This service does not keep results").waitFor();
          return;
        }
        const { days } = await reply.json();
        const lists = days.filter((row) => row.source === undefined);
        if (lists.length === 0) {
          await page.getByText("No lists were shown").waitFor();
          return;
        }
        await page.locator(".facts-grid").waitFor();
        const versions = new Set(lists.map((row) => row.model));
        assert.equal((await cells(page, "by-model")).length, versions.size);
        const sources = new Set(days.map((row) => row.source).filter(Boolean));
        assert.equal((await cells(page, "sources")).length, sources.size);
        if (versions.has(model.model_version))
          await page.locator(`tr.main [title="${model.model_version}"]`).waitFor();
      },
      { failing: true },
    ),
  );

  test(
    "do not count the lists of the page itself",
    use(async (page) => {
      const [request] = await Promise.all([
        page.waitForRequest((request) => request.url().endsWith("/v1/recommendations")),
        page.goto(at({ user })),
      ]);
      assert.equal(request.headers()["x-not-shown"], "page");
      await rows(page);
    }),
  );

  test(
    "by day, model and source",
    use(async (page) => {
      const row = (day, model, source, counts) => ({
        day,
        model,
        ...(source && { source }),
        ...rates(...counts),
      });
      const days = [
        row("2020-03-03", "second-model", null, [200, 50, 4]),
        row("2020-03-03", "second-model", "model", [2000, 60, 4]),
        row("2020-03-03", "second-model", "popularity", [400, 2, 0]),
        row("2020-03-01", "second-model", null, [100, 20, 3]),
        row("2020-03-01", "first-model", null, [1000, 100, 20]),
        row("2020-03-01", "first-model", "model", [12_000, 120, 21]),
      ];
      await withAnswer(page, { days });
      await page.locator(".facts-grid").waitFor();
      assert.deepEqual(await tiles(page), [
        "1,300",
        "13.1%\n170 lists with a click",
        "2.08%\n27 lists with a purchase",
      ]);
      await page.getByText("The days as a table").click();
      assert.deepEqual(await cells(page, "results"), [
        ["Mar 3, 2020", "200", "25.0%", "2.00%"],
        ["Mar 2, 2020", "0", "–", "–"],
        ["Mar 1, 2020", "1,100", "10.9%", "2.09%"],
      ]);
      assert.deepEqual(await cells(page, "by-model"), [
        ["first-mo", "Mar 1", "1,000", "10.0%", "2.00%", "–"],
        ["second-m", "Mar 1 – Mar 3", "300", "23.3%", "2.33%", ""],
      ]);
      const spark = page.getByRole("img", { name: "3.00% on Mar 1, 2.00% on Mar 3, at most 3.00%" });
      assert.equal(await spark.count(), 1);
      const found = await cells(page, "sources");
      assert.deepEqual(
        found.map(([source, ...rest]) => [source.split("\n")[0], ...rest]),
        [
          ["Model", "14,000", "1.29%", "0.18%"],
          ["Popular", "400", "0.50%", "0%"],
        ],
      );
      assert.equal(await page.locator(".chart .line").count(), 3);
      await page.getByRole("img", { name: /^Lists shown from Mar 1 to Mar 3/ }).waitFor();
      await page.getByText("No experiment is running").waitFor();
    }),
  );

  test(
    "the period is in the address",
    use(async (page) => {
      await withAnswer(page, { days: DAYS });
      await page.locator(".facts-grid").waitFor();
      const [request] = await Promise.all([
        page.waitForRequest((request) => request.url().endsWith("/v1/outcomes?days=90")),
        page.getByRole("button", { name: "90 days" }).click(),
      ]);
      assert.ok(request);
      assert.equal(new URL(page.url()).searchParams.get("days"), "90");
      assert.equal(await page.getByRole("button", { name: "90 days" }).getAttribute("aria-pressed"), "true");
    }),
  );

  test(
    "an experiment in plain sentences",
    use(async (page) => {
      const arms = [
        CONTROL,
        arm("better", [1000, 230, 60], compared(0.01, 0.002, 0.018, 0.0123, true), NOTHING),
        arm(
          "worse",
          [1000, 100, 40],
          compared(-0.01, -0.018, -0.002, 0.0000001, true),
          compared(-0.1, -0.13, -0.07, 0.00002, true),
        ),
        arm("same", [1000, 200, 51], compared(0.001, -0.005, 0.007, 0.6, false), NOTHING),
        arm("young", [20, 3, 1], compared(0, -1, 1, 1, false), NOTHING),
        arm("unseen", [0, 0, 0], compared(-0.05, -1, 1, 1, false), NOTHING),
      ];
      await withAnswer(page, { days: DAYS, experiment: { name: "colors", arms } });
      await page.getByRole("heading", { name: "Experiment “colors”" }).waitFor();
      const sentences = await page.locator(".verdicts li").allInnerTexts();
      assert.deepEqual(
        sentences.map((text) => text.replaceAll("\u00a0", " ").split("\n")),
        [
          ["“better” sells 20% more often than “control”; the difference is real (p = 0.012)."],
          [
            "“worse” sells 20% less often than “control”; the difference is real (p < 0.001).",
            "“worse” is clicked 50% less often than “control”; the difference is real (p < 0.001).",
          ],
          [
            "No difference between “same” and “control” yet: it may be anything from −0.50 to +0.70 percentage points. Go on until the range leaves out 0, or is so narrow that what remains does not matter.",
          ],
          ["Too few purchases yet to compare “young” with “control”; go on."],
          ["“unseen” and “control” have not both shown lists yet."],
        ],
      );
      assert.deepEqual(
        await page
          .locator(".verdicts li")
          .evaluateAll((all) =>
            all.map((one) => (one.matches(".good") ? "good" : one.matches(".bad") ? "bad" : "")),
          ),
        ["good", "bad", "", "", ""],
      );
      const found = await cells(page, "experiment");
      assert.deepEqual(found[0], ["control", "1,000", "20.0%", "5.00%", "–", "–"]);
      assert.deepEqual(found[1], ["better", "1,000", "23.0%", "6.00%", "0.012", "1"]);
      assert.deepEqual(found[5], ["unseen", "0", "–", "–", "1", "1"]);
      const intervals = await page.locator(".intervals").first().locator("li").allInnerTexts();
      assert.equal(intervals[0].replace(/\s+/g, " "), "better +1.00 +0.20 to +1.80");
    }),
  );

  test(
    "a first arm that sold nothing",
    use(async (page) => {
      const arms = [
        arm("control", [1000, 200, 0]),
        arm("b", [1000, 200, 30], compared(0.03, 0.01, 0.05, 0.001, true), NOTHING),
      ];
      await withAnswer(page, { days: DAYS, experiment: { name: "colors", arms } });
      await page.getByText("“b” sells more often than “control”; the difference is real").waitFor();
    }),
  );

  test(
    "names are shown as text only",
    use(async (page) => {
      const days = [
        { ...DAYS[0], model: HOSTILE, arm: `x/${HOSTILE}` },
        { ...DAYS[0], model: HOSTILE, source: HOSTILE },
        { ...DAYS[0], model: HOSTILE, day: HOSTILE },
      ];
      const hostile = { ...arm("b", [9, 1, 1], NOTHING, NOTHING), arm: `x/${HOSTILE}` };
      await withAnswer(page, {
        days,
        experiment: { name: HOSTILE, arms: [{ ...CONTROL, arm: HOSTILE }, hostile] },
      });
      await page.getByRole("heading", { name: `Experiment “${HOSTILE}”` }).waitFor();
      await page.locator("section[aria-labelledby=sources] th", { hasText: HOSTILE }).waitFor();
      await page.locator(".verdicts li", { hasText: HOSTILE }).waitFor();
      assert.equal(await page.locator("#app img, #app [onerror]").count(), 0);
    }),
  );

  test(
    "without lists, and with one day",
    use(async (page) => {
      await withAnswer(page, { days: [] });
      await page.getByText("No lists were shown").waitFor();
      await page.unroute("**/v1/outcomes*");
      await withAnswer(page, { days: DAYS });
      await page.locator(".chart .kept").first().waitFor();
      assert.deepEqual((await cells(page, "by-model"))[0], ["m", "Mar 1", "1,000", "20.0%", "5.00%", "–"]);
      assert.equal(await page.locator("section[aria-labelledby=sources]").count(), 0);
    }),
  );

  test(
    "a service that does not keep them says how to",
    use(
      async (page) => {
        await withAnswer(page, null);
        await page.getByText("impressions = true").waitFor();
        assert.equal(await page.getByRole("alert").count(), 0);
        await page.unroute("**/v1/outcomes*");
        let asked = 0;
        await page.route("**/v1/outcomes*", (route) => {
          asked++;
          return route.abort();
        });
        await page.route("**/v1/model", async (route) => {
          const response = await route.fetch();
          await route.fulfill({ response, json: { ...(await response.json()), impressions: false } });
        });
        await page.goto(at({ view: "results" }));
        await page.getByText("impressions = true").waitFor();
        await page.goto(at({ view: "model" }));
        await page.locator(".facts-grid").waitFor();
        assert.equal(await page.locator("section[aria-labelledby=by-model]").count(), 0);
        assert.equal(asked, 0);
      },
      { failing: true },
    ),
  );

  test(
    "an unreachable store offers a retry",
    use(
      async (page) => {
        await page.route("**/v1/outcomes*", (route) =>
          route.fulfill({
            status: 503,
            json: { error: { code: "not_stored", message: "the store cannot be read" } },
          }),
        );
        await page.goto(at({ view: "results" }));
        await page.getByRole("alert").getByText("the store cannot be read").waitFor();
        await page.unroute("**/v1/outcomes*");
        await page.route("**/v1/outcomes*", (route) => route.fulfill({ json: { days: DAYS } }));
        await page.getByRole("button", { name: "Try again" }).click();
        await page.locator(".facts-grid").waitFor();
      },
      { failing: true },
    ),
  );

  test(
    "the models have their results over time",
    use(async (page) => {
      await page.route("**/v1/model", async (route) => {
        const response = await route.fetch();
        await route.fulfill({ response, json: { ...(await response.json()), impressions: true } });
      });
      const two = { ...DAYS[0], day: "2020-03-02", ...rates(500, 50, 50) };
      await page.route("**/v1/outcomes*", (route) => route.fulfill({ json: { days: [two, ...DAYS] } }));
      await page.goto(at({ view: "model" }));
      await page.getByRole("img", { name: "5.00% on Mar 1, 10.0% on Mar 2, at most 10.0%" }).waitFor();
      const [row] = await cells(page, "by-model");
      assert.deepEqual(row.slice(0, 5), ["m", "Mar 1 – Mar 2", "1,500", "16.7%", "6.67%"]);
    }),
  );
});
