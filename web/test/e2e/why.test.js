// Explanations.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { close, explained, json, listed, rows } from "./browser.js";
import { at, base, use, user } from "./target.js";

describe("explanations", () => {
  test(
    "contributions sum to the score, with the learned preference and negative parts",
    use(async (page) => {
      await page.goto(at({ user }));
      await rows(page);
      for (const n of [0, 4, 11]) {
        const row = page.locator(".rows .row").nth(n);
        await row.click();
        const item = new URL(page.url()).searchParams.get("item");
        await page.locator(".why-head", { hasText: item }).waitFor();
        const answer = await json(base, "v1/explanations", { user, item });
        await page.waitForFunction(
          (score) => Number(document.querySelector(".total")?.dataset.score) === score,
          answer.score,
        );
        const short = await explained(page);
        assert.ok(close(short.sum, answer.score), `${short.sum} is not ${answer.score}`);
        const more = page.locator(".why").getByRole("button", { name: /^Show all/ });
        if (await more.count()) await more.click();
        const all = await explained(page);
        assert.ok(close(all.sum, answer.score), `${all.sum} is not ${answer.score}`);
        const own = page.locator('.bars li[data-own="true"]');
        if (answer.self_contribution) {
          assert.equal(Number(await own.getAttribute("data-value")), answer.self_contribution.value);
        } else {
          assert.equal(await own.count(), 0);
        }
        const negative = all.values.filter((value) => value < 0).length;
        assert.equal(await page.locator(".bars .negative").count(), negative);
        if (await page.getByRole("button", { name: "Show fewer" }).count())
          await page.getByRole("button", { name: "Show fewer" }).click();
      }
    }),
  );

  test(
    "pointing at an item explains it without a history entry",
    use(async (page) => {
      await page.goto(at({ user }));
      await rows(page);
      const steps = await page.evaluate(() => history.length);
      const ids = await listed(page);
      await page.locator(".rows .row").nth(6).hover();
      await page.locator(".why-head", { hasText: ids[6] }).waitFor();
      await page.locator(".rows .row").nth(9).focus();
      await page.locator(".why-head", { hasText: ids[9] }).waitFor();
      assert.equal(await page.evaluate(() => history.length), steps);
    }),
  );

  test(
    "the first sentence gives the reasons, and every part has a share and a bar on one scale",
    use(async (page) => {
      await page.goto(at({ user }));
      await rows(page);
      await page.locator(".rows .row").nth(2).click();
      await page.locator(".total").waitFor();
      const item = new URL(page.url()).searchParams.get("item");
      const answer = await json(base, "v1/explanations", { user, item });
      const lead = await page.locator(".why .lead").textContent();
      assert.match(lead, /^(Recommended (mainly )?because|The model sees little)/);
      assert.ok(!/undefined|\(\)|\[\]/.test(lead), lead);
      if (/, among other products/.test(lead)) {
        const others = answer.contributions.filter((part) => part.item !== item && part.share > 0);
        assert.ok(others.length > 1, lead);
      }
      const bars = await page.locator(".bars li").evaluateAll((all) =>
        all.map((bar) => ({
          key: bar.dataset.key,
          value: Number(bar.dataset.value),
          width: bar.querySelector(".bar-fill").getBoundingClientRect().width,
          text: bar.querySelector(".bar-value").textContent,
        })),
      );
      assert.ok(answer.contributions.length <= 5 || bars.some((bar) => bar.key === "rest"));
      const largest = bars.reduce((a, b) => (Math.abs(b.value) > Math.abs(a.value) ? b : a));
      for (const bar of bars) {
        const expected = (largest.width * Math.abs(bar.value)) / Math.abs(largest.value);
        assert.ok(Math.abs(bar.width - Math.max(2, expected)) < 1, JSON.stringify({ bar, largest }));
        if (bar.key !== "rounding") assert.match(bar.text, /^−?<?\d+%/);
      }
    }),
  );

  test(
    "paths are listed by contribution, drawn and highlighted",
    use(async (page) => {
      const { items } = await json(base, "v1/recommendations", { user, options: { k: 20 } });
      let found = null;
      for (const { item } of items) {
        const { paths } = await json(base, "v1/explanations", { user, item });
        const nodesOf = ({ edges }) =>
          new Set(edges.flatMap(({ from, to }) => [from, to]).map((node) => JSON.stringify(node)));
        const drawn = paths.slice(0, 5).map(nodesOf);
        const all = new Set(drawn.flatMap((nodes) => [...nodes]));
        const hasOthers = drawn.every((nodes) => nodes.size < all.size);
        if (paths.length > 1 && hasOthers && paths.every((path) => path.edges.length <= 3)) {
          found = { item, paths };
          break;
        }
      }
      assert.ok(found, "no item with two paths, each without a node of another");
      await page.goto(at({ user, item: found.item }));
      await page.locator(".why .picture .node").first().waitFor();
      assert.equal(await page.locator(".path").count(), Math.min(5, found.paths.length));
      const shares = await page
        .locator(".path [data-share]")
        .evaluateAll((all) => all.map((one) => Math.abs(Number(one.dataset.share))));
      assert.deepEqual(
        shares,
        [...shares].sort((a, b) => b - a),
      );
      const lit = page.locator(".why .picture .edge.lit");
      assert.equal(await lit.count(), 0);
      await page.locator(".path").nth(1).click();
      await page.mouse.move(2, 2);
      assert.equal(await page.locator(".path").nth(1).getAttribute("aria-pressed"), "true");
      assert.ok((await lit.count()) >= 2, "a selected path is highlighted");
      assert.ok((await page.locator(".why .picture .node.dim").count()) > 0, "and others are faded");
    }),
  );

  test(
    "no picture of a single edge, and no empty places for what too few customers did",
    use(async (page) => {
      await page.route("**/v1/explanations", async (route) => {
        const response = await route.fetch();
        const answer = await response.json();
        const to = { kind: "item", item: answer.item, details: answer.details };
        const edge = { from: { kind: "user" }, to, behaviors: [], weight: 1 };
        const path = { strength: 1, value: null, share: null, edges: [edge] };
        await route.fulfill({ response, json: { ...answer, paths: [path] } });
      });
      await page.goto(at({ user }));
      await page.locator(".path").waitFor();
      assert.match(await page.locator(".path-steps").textContent(), /Customer\s*→ met →\s*this product/);
      assert.equal(await page.locator(".why .picture").count(), 0);
    }),
  );

  test(
    "minor paths are said to be minor, beside similar products of the history",
    use(async (page) => {
      await page.route("**/v1/explanations", async (route) => {
        const response = await route.fetch();
        const answer = await response.json();
        const paths = answer.paths.map((path) => ({ ...path, value: 0.001, share: 0.002 }));
        await route.fulfill({ response, json: { ...answer, paths } });
      });
      const { items } = await json(base, "v1/recommendations", { user, options: { k: 20 } });
      for (const { item } of items) {
        const { paths, contributions } = await json(base, "v1/explanations", { user, item });
        if (paths.length === 0 || contributions.length < 2) continue;
        await page.goto(at({ user, item }));
        await page.getByText(/These paths make up only (<1|1)% of the score/).waitFor();
        const near = page.locator('[data-similar="history"] li');
        await near.first().waitFor();
        assert.ok((await near.count()) <= 5);
        return;
      }
      assert.fail("no item with a path and contributions");
    }),
  );

  test(
    "similar products load on demand",
    use(async (page) => {
      await page.goto(at({ user }));
      await rows(page);
      await page.getByText("Similar products", { exact: true }).click();
      await page.locator("details.similar li").first().waitFor();
      assert.equal(await page.locator("details.similar li").count(), 6);
    }),
  );
});
