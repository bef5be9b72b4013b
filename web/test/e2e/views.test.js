// The graph, the products and the model.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ADMIN_TOKEN } from "../mock/answers.js";
import { json, rows } from "./browser.js";
import { at, base, use, user } from "./target.js";

/** Checks that no label of the graph meets another. */
async function apart(page) {
  const boxes = await page.locator(".picture text:not(.inside)").evaluateAll((all) =>
    all.map((text) => {
      const { left, right, top, bottom } = text.getBoundingClientRect();
      return { left, right, top: top + 2, bottom: bottom - 2, text: text.textContent };
    }),
  );
  assert.ok(boxes.length > 5);
  for (const [n, a] of boxes.entries())
    for (const b of boxes.slice(n + 1))
      assert.ok(
        a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top,
        JSON.stringify([a, b]),
      );
}

/** The ids of all nodes that arrow keys lead to, column by column from the customer. */
async function reached(page) {
  const here = () => page.evaluate(() => document.activeElement.dataset.id);
  const press = async (key) => {
    const before = await here();
    await page.keyboard.press(key);
    return (await here()) !== before;
  };
  await page.locator(".picture .node").first().focus();
  await page.keyboard.press("Home");
  const found = new Set([await here()]);
  while (await press("ArrowRight")) {
    while (await press("ArrowUp"));
    found.add(await here());
    while (await press("ArrowDown")) found.add(await here());
  }
  return found;
}

describe("views", () => {
  test(
    "the graph around the customer",
    use(async (page) => {
      await page.goto(at({ user }));
      await rows(page);
      const [answer] = await Promise.all([
        page.waitForResponse((response) => response.url().includes("/v1/graph/")),
        page.getByRole("link", { name: "Graph" }).click(),
      ]);
      const graph = await answer.json();
      const nodes = page.locator(".picture .node");
      await nodes.first().waitFor();
      assert.ok(graph.nodes.length > 3);
      const named = graph.nodes.filter((node) => node.kind !== "item" && !/^(self|users:\d+)$/.test(node.id));
      assert.deepEqual(named, [], "other users have no names");
      for (const node of graph.nodes)
        if (node.kind === "users") assert.ok(node.count >= 5, JSON.stringify(node));
      await page.getByText("The graph as a table").click();
      const drawn = await page.locator("tbody tr").count();
      assert.equal(await page.locator(".picture .edge").count(), drawn);
      await page.getByRole("slider", { name: "Their products" }).fill("3");
      await page.waitForResponse((response) => response.url().includes("items=3"));
    }),
  );

  test(
    "direct edges are never dropped, and name every behavior",
    use(async (page) => {
      await page.goto(at({ user, view: "graph", hide: "nothing" }));
      await page.locator(".picture .node").first().waitFor();
      const options = { k: 20, hide: "nothing" };
      const { items } = await json(base, "v1/recommendations", { user, options });
      const { history } = await json(base, `v1/users/${encodeURIComponent(user)}`);
      const met = new Map(history.map((one) => [one.item, one.behaviors]));
      const known = items.slice(0, 12).filter(({ item }) => met.has(item));
      assert.ok(known.length > 0, "no listed item was met before");
      for (const { item } of known) {
        await page
          .locator(`.edge[data-id=${JSON.stringify(`self>item:${item}`)}]`)
          .waitFor({ state: "attached" });
        const node = page.locator(`.node[data-id=${JSON.stringify(`item:${item}`)}]`);
        const words = (await node.getAttribute("aria-label")).match(
          /viewed|carted|bought|removed from cart/g,
        );
        assert.ok(
          (words ?? []).length >= met.get(item).length,
          `${words} of ${JSON.stringify(met.get(item))}`,
        );
      }
    }),
  );

  for (const width of [360, 1440]) {
    test(
      `labels of the graph do not collide at ${width} px`,
      use(
        async (page) => {
          await page.goto(at({ user, view: "graph" }));
          await page.locator(".picture .node").first().waitFor();
          await apart(page);
        },
        { viewport: { width, height: 900 } },
      ),
    );
  }

  for (const [width, groups] of [
    [360, 14],
    [1440, 50],
  ]) {
    test(
      `the largest graph at ${width} px: labels do not collide, and arrows reach every node`,
      use(
        async (page) => {
          await page.goto(at({ user, view: "graph" }));
          await page.locator(".picture .node").first().waitFor();
          await page.getByRole("slider", { name: "Their products" }).fill("24");
          const [answer] = await Promise.all([
            page.waitForResponse((response) => response.url().includes("items=24&per_item=8")),
            page.getByRole("slider", { name: "Other products" }).fill("8"),
          ]);
          const graph = await answer.json();
          const n = graph.nodes.filter((node) => node.kind === "users").length;
          const wanted = Math.min(n, groups);
          const drawn = page.locator('.picture .node[data-role="others"]');
          await page.waitForFunction(
            (wanted) => document.querySelectorAll('.node[data-role="others"]').length === wanted,
            wanted,
          );
          assert.equal(await drawn.count(), wanted);
          await apart(page);
          const ids = await page
            .locator(".picture .node")
            .evaluateAll((all) => all.map((node) => node.dataset.id));
          assert.ok(ids.length > 20);
          assert.deepEqual([...(await reached(page))].sort(), ids.sort());
          const wide = await page.evaluate(() => document.documentElement.scrollWidth);
          assert.ok(wide <= width, `${wide} px wide`);
        },
        { viewport: { width, height: 900 } },
      ),
    );
  }

  test(
    "arrows move between the nodes of the graph, and Enter opens a recommended product",
    use(async (page) => {
      await page.goto(at({ user, view: "graph" }));
      await page.locator(".picture .node").first().focus();
      const role = () => page.evaluate(() => document.activeElement.dataset.role);
      assert.equal(await role(), "user");
      await page.keyboard.press("ArrowRight");
      assert.match(await role(), /history|target/);
      await page.keyboard.press("ArrowDown");
      assert.match(await role(), /history|target/);
      await page.locator(".edge.lit").first().waitFor({ state: "attached" });
      const target = page.locator('.node[data-role="target"]').first();
      const id = (await target.getAttribute("data-id")).replace(/^item:/, "");
      await target.focus();
      await page.keyboard.press("Enter");
      await page.locator(".why .total").waitFor();
      assert.equal(new URL(page.url()).searchParams.get("item"), id);
    }),
  );

  test(
    "the products: bestsellers, search, what customers did, what else they bought",
    use(async (page) => {
      await page.goto(at({ view: "items" }));
      await page.locator(".starters li").first().waitFor();
      const { items } = await json(base, "v1/popular?k=1");
      const [{ item }] = items;
      await page.getByRole("combobox", { name: "Search for a product" }).fill(item);
      await page.getByRole("option").filter({ hasText: item }).first().click();
      await page.locator(".facts-grid").waitFor();
      const known = await json(base, `v1/items/${encodeURIComponent(item)}`);
      const facts = await page.locator(".facts-grid").textContent();
      for (const { count } of known.behaviors) assert.ok(facts.includes(count.toLocaleString("en")), facts);
      if (known.n_bought !== null)
        assert.ok(facts.includes(`${Math.round((100 * known.n_bought) / known.n_users)}%`), facts);
      const also = page.locator("section[aria-labelledby=also] li");
      assert.equal(await also.count(), known.also_bought.length);
      await page.locator("section[aria-labelledby=near] li").first().waitFor();
      await page.locator("section[aria-labelledby=near] li button").first().click();
      await page.waitForFunction((old) => new URLSearchParams(location.search).get("item") !== old, item);
    }),
  );

  test(
    "a product whose name is its number shows it once",
    use(async (page) => {
      const bare = { item: "5612345", rank: 1, score: 1, source: "popularity", reason: "", details: {} };
      const priced = { ...bare, item: "5699999", details: { brand: "runail", price: 2.5 } };
      const titled = { ...bare, item: "5688888", details: { title: "Night serum", brand: "runail" } };
      await page.route("**/v1/popular*", (route) =>
        route.fulfill({ json: { items: [bare, priced, titled] } }),
      );
      await page.goto(at({ view: "items" }));
      await page.locator(".starters li").first().waitFor();
      const words = await page.locator(".starters li").allInnerTexts();
      assert.deepEqual(
        words.map((text) => text.replace(/[€ ]/g, "").split(/\s+/)),
        [["Product5612345"], ["Product5699999·runail", "2.50"], ["Nightserum", "№5688888runail"]],
      );
    }),
  );

  test(
    "the events: a live tail and the days",
    use(async (page) => {
      await page.goto(at({ view: "events" }));
      await page.locator(".facts-grid").waitFor();
      const { items } = await json(base, "v1/popular?k=1");
      const behavior = (await json(base, "v1/model")).behaviors[0];
      const events = [{ user, item: items[0].item, behavior }];
      await json(base, "v1/events", { events });
      const row = page.locator(".tail tbody tr").first();
      await row.waitFor();
      assert.ok((await row.textContent()).includes(user));
      const { days } = await json(base, "v1/events");
      if (days.length > 0) {
        assert.equal(await page.locator(".days .day").count(), days.length);
        await page.getByText("The days as a table").click();
        assert.equal(await page.locator("section[aria-labelledby=days] tbody tr").count(), days.length);
      }
      await row.getByRole("button").first().click();
      await rows(page);
      assert.equal(new URL(page.url()).searchParams.get("user"), user);
    }),
  );

  test("the models are listed and switched with the admin token", async (t) => {
    if (!(await json(base, "v1/model")).admin_on_page) return t.skip("the admin routes are not on the page");
    await use(
      async (page) => {
        await page.goto(at({ view: "model" }));
        const token = page.getByLabel("Admin token");
        await token.fill("wrong");
        await page.getByRole("button", { name: "Show models" }).click();
        await page.getByRole("alert").waitFor();
        await token.fill(process.env.ADMIN_TOKEN ?? ADMIN_TOKEN);
        await page.getByRole("button", { name: "Show models" }).click();
        const models = page.locator("section[aria-labelledby=models] tbody tr");
        await models.first().waitFor();
        if ((await models.count()) < 2) return;
        await page.getByRole("button", { name: /^Switch to/ }).click();
        await page.locator("section[aria-labelledby=models] tbody tr:nth-child(2).main").waitFor();
        await page.getByRole("button", { name: /^Switch to/ }).click();
        await page.locator("section[aria-labelledby=models] tbody tr:nth-child(1).main").waitFor();
      },
      { failing: true },
    )();
  });

  test(
    "the model",
    use(async (page) => {
      await page.goto(at({ view: "model" }));
      const model = await json(base, "v1/model");
      await page.getByText(model.model_version, { exact: true }).waitFor();
      const facts = await page.locator(".facts-grid").textContent();
      for (const n of [model.n_users, model.n_items, model.n_edges])
        assert.ok(facts.includes(n.toLocaleString("en")), facts);
      const { typical_users: typical } = model;
      assert.ok(typical.length > 0 && typical.every((one) => one.n_bought > 0));
      const curve = model.figures?.curve ?? [];
      if (curve.length > 0) {
        await page.locator(".chart .line").first().waitFor();
        await page.getByText("The curves as a table").click();
        assert.equal(await page.locator(".table-details tbody tr").count(), curve.length);
      } else await page.getByText("This model has no run record").waitFor();
      if (model.figures?.baselines) assert.ok((await page.locator(".compare li").count()) > 2);
    }),
  );
});
