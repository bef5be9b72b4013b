// The page in normal use, against the mock or, with TARGET=http://…, against the real service.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { explained, json, listed, rows } from "./browser.js";
import { at, base, use, user } from "./target.js";

const close = (a, b) => Math.abs(a - b) <= 1e-3 * Math.max(1, Math.abs(b));

describe("a user's list", () => {
  test(
    "search, pick, reload, go back",
    use(async (page) => {
      await page.goto(base);
      await page.getByRole("heading", { name: "Who are you recommending for?" }).waitFor();
      const field = page.getByRole("combobox", { name: "Search for a user" });
      await field.fill(user.slice(0, 12));
      await page.getByRole("option").filter({ hasText: user }).first().click();
      assert.equal(await (await rows(page)).count(), 20);
      assert.equal(new URL(page.url()).searchParams.get("user"), user);
      const before = await listed(page);
      await page.reload();
      assert.deepEqual(await listed(page), before);
      const answer = await json(base, "v1/recommendations", { user, options: { k: 20 } });
      assert.deepEqual(
        before,
        answer.items.map((item) => item.item),
      );
      await page.goBack();
      await page.getByRole("heading", { name: "Who are you recommending for?" }).waitFor();
    }),
  );

  test(
    "items show names, price, score and source",
    use(async (page) => {
      await page.goto(at({ user }));
      await rows(page);
      const { items } = await json(base, "v1/recommendations", { user, options: { k: 20 } });
      const texts = await page.locator(".row").allInnerTexts();
      items.forEach((item, n) => {
        assert.ok(texts[n].includes(item.item), texts[n]);
        if (item.details.brand) assert.ok(texts[n].includes(item.details.brand), texts[n]);
        if (item.details.price !== null)
          assert.ok(texts[n].replaceAll(",", "").includes(item.details.price.toFixed(2)), texts[n]);
      });
      assert.equal(
        await page.locator('.row .chip[data-source="model"]').count(),
        items.filter((i) => i.source === "model").length,
      );
    }),
  );

  test(
    "the history is filtered by behavior",
    use(async (page) => {
      await page.goto(at({ user }));
      const { history } = await json(base, `v1/users/${encodeURIComponent(user)}`);
      await page.getByRole("button", { name: /^All \d/ }).waitFor();
      const bought = history.filter((item) => item.bought).length;
      await page.getByRole("button", { name: new RegExp(`^Bought ${bought}$`) }).click();
      const more = page.locator(".side").getByRole("button", { name: /^Show all/ });
      if (await more.count()) await more.click();
      assert.equal(await page.locator(".history li").count(), bought);
      assert.equal(await page.locator('.history li[data-bought="true"]').count(), bought);
    }),
  );
});

describe("familiarity", () => {
  test(
    "only new items are shown where the page asks for them",
    use(async (page) => {
      await page.goto(at({ user, show: "new" }));
      await rows(page);
      const options = { k: 20, familiarity: "new" };
      const { items } = await json(base, "v1/recommendations", { user, options });
      assert.deepEqual(
        await listed(page),
        items.map(({ item }) => item),
      );
      assert.ok(items.every(({ familiar }) => !familiar));
    }),
  );
});

describe("explanations", () => {
  test(
    "contributions sum to the score, with the learned preference and negative parts",
    use(async (page) => {
      await page.goto(at({ user }));
      await rows(page);
      for (const n of [0, 4, 11]) {
        const row = page.locator(".row").nth(n);
        await row.click();
        const item = new URL(page.url()).searchParams.get("item");
        await page.locator(".why-head .facts", { hasText: item }).waitFor();
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
      await page.locator(".row").nth(6).hover();
      await page.locator(".why-head .facts", { hasText: ids[6] }).waitFor();
      await page.locator(".row").nth(9).focus();
      await page.locator(".why-head .facts", { hasText: ids[9] }).waitFor();
      assert.equal(await page.evaluate(() => history.length), steps);
    }),
  );

  test(
    "paths are listed, drawn and highlighted",
    use(
      async (page) => {
        const { items } = await json(base, "v1/recommendations", { user, options: { k: 20 } });
        let found = null;
        for (const { item } of items) {
          const { paths } = await json(base, "v1/explanations", { user, item });
          if (paths.length > 1) {
            found = { item, paths };
            break;
          }
        }
        assert.ok(found, "no item with two paths");
        await page.goto(at({ user, item: found.item }));
        await page.locator('.why .graph[data-state="drawn"]').waitFor();
        assert.equal(await page.locator(".path").count(), Math.min(5, found.paths.length));
        const graph = page.locator(".why .graph");
        await page.waitForTimeout(400);
        const all = await graph.screenshot();
        await page.locator(".path").nth(1).click();
        await page.mouse.move(2, 2);
        await page.waitForTimeout(400);
        const one = await graph.screenshot();
        assert.notDeepEqual(all, one, "highlighting a path changes the drawing");
        assert.equal(await page.locator(".path").nth(1).getAttribute("aria-pressed"), "true");
      },
      { graphs: true },
    ),
  );

  test(
    "similar items load on demand",
    use(async (page) => {
      await page.goto(at({ user }));
      await rows(page);
      await page.getByText("Similar items").click();
      await page.locator(".similar-list li").first().waitFor();
      assert.equal(await page.locator(".similar-list li").count(), 6);
    }),
  );
});

describe("sliders and filters take effect at once", () => {
  const slide = (page, name, value) => page.getByRole("slider", { name }).fill(String(value));

  test(
    "k, diversity and exploration",
    use(async (page) => {
      await page.goto(at({ user }));
      const usual = await listed(page);
      await slide(page, "Items", 35);
      await page.locator(".row").nth(34).waitFor();
      assert.equal(new URL(page.url()).searchParams.get("k"), "35");
      await slide(page, "Items", 20);
      await slide(page, "Diversity", 0.8);
      const diverse = await listed(page);
      assert.notDeepEqual(diverse, usual);
      const { items } = await json(base, "v1/recommendations", {
        user,
        options: { k: 20, diversity: 0.8 },
      });
      assert.deepEqual(
        diverse,
        items.map((item) => item.item),
      );
      await slide(page, "Diversity", 0);
      await slide(page, "Exploration", 0.6);
      await page.locator('.row .chip[data-source="exploration"]').first().waitFor();
      const drawn = await listed(page);
      await page.getByRole("button", { name: "Draw again" }).click();
      assert.notDeepEqual(await listed(page), drawn);
      await page.getByRole("button", { name: "Reset" }).click();
      assert.deepEqual(await listed(page), usual);
    }),
  );

  test(
    "brand, price and seen items",
    use(async (page) => {
      const { brands } = await json(base, "v1/model");
      const brand = brands.find((name) => /^[a-z]+$/.test(name));
      await page.goto(at({ user }));
      await rows(page);
      await page.getByRole("combobox", { name: "Brand" }).fill(brand);
      await page.getByRole("option", { name: brand, exact: true }).click();
      await page.getByRole("button", { name: `Remove ${brand}` }).waitFor();
      await listed(page);
      for (const title of await page.locator(".row-title").allInnerTexts())
        assert.ok(title.endsWith(brand), title);
      await page.getByRole("button", { name: `Remove ${brand}` }).click();
      await page.getByRole("textbox", { name: "Lowest price" }).fill("2");
      await page.getByRole("textbox", { name: "Highest price" }).fill("9.5");
      await listed(page);
      for (const price of await page.locator(".row-price").allInnerTexts()) {
        assert.ok(Number(price) >= 2 && Number(price) <= 9.5, price);
      }
      await page.getByRole("textbox", { name: "Lowest price" }).fill("20");
      await page.getByText("The lowest price is higher than the highest.").waitFor();
      await page.getByRole("button", { name: "Reset" }).click();
      await page.getByLabel("Hide").selectOption("seen");
      const unseen = await listed(page);
      const { history } = await json(base, `v1/users/${encodeURIComponent(user)}`);
      const met = new Set(history.map((item) => item.item));
      assert.deepEqual(
        unseen.filter((id) => met.has(id)),
        [],
      );
    }),
  );

  test(
    "superseded answers are dropped",
    use(async (page) => {
      await page.route("**/v1/recommendations", async (route) => {
        const { k } = route.request().postDataJSON().options;
        if (k === 40) await new Promise((resolve) => setTimeout(resolve, 1200));
        await route.continue().catch(() => {});
      });
      await page.goto(at({ user }));
      await rows(page);
      await slide(page, "Items", 40);
      await page.waitForTimeout(300);
      await slide(page, "Items", 10);
      await page.waitForTimeout(1800);
      assert.equal(await page.locator(".row").count(), 10);
    }),
  );

  test(
    "an empty list offers to remove all filters",
    use(async (page) => {
      await page.goto(at({ user, price_min: "999999" }));
      await page.getByText("No items match these filters").waitFor();
      await page.getByRole("button", { name: "Remove all filters" }).click();
      assert.equal(await (await rows(page)).count(), 20);
    }),
  );
});

describe("composing", () => {
  test(
    "a new user from items",
    use(async (page) => {
      await page.goto(base);
      await page.getByRole("button", { name: "New user", exact: true }).click();
      await page.getByRole("heading", { name: "A new user" }).waitFor();
      const { items } = await json(base, "v1/items?q=&limit=2");
      const field = page.getByRole("combobox", { name: "Item of the event to add" });
      await field.fill(items[0].item);
      await page.getByRole("option").filter({ hasText: items[0].item }).first().click();
      await page.locator('.row .chip[data-source="fold_in"]').first().waitFor();
      const item = (await listed(page))[0];
      await page.locator(".why-head .facts", { hasText: item }).waitFor();
      const { score, sum } = await explained(page);
      assert.ok(close(sum, score), `${sum} is not ${score}`);
      assert.equal(await page.locator('.bars li[data-own="true"]').count(), 0);
      const before = await listed(page);
      await page.reload();
      assert.deepEqual(await listed(page), before, "the address contains the events");
      await page.getByRole("button", { name: `Remove item ${items[0].item}` }).click();
      await page.getByRole("heading", { name: "A new user" }).waitFor();
      await page.locator(".starters button").first().click();
      await rows(page);
    }),
  );

  test(
    "an event changes a known user's list",
    use(async (page) => {
      await page.goto(at({ user }));
      const usual = await listed(page);
      const field = page.getByRole("combobox", { name: "Item of the event to add" });
      await field.fill(usual[2]);
      await page.getByRole("option").filter({ hasText: usual[2] }).first().click();
      await page.waitForFunction(
        (id) => ![...document.querySelectorAll(".row .facts")].some((f) => f.textContent.includes(`№ ${id}`)),
        usual[2],
      );
      assert.notDeepEqual(await listed(page), usual);
    }),
  );
});

describe("views", () => {
  test(
    "the graph around the user",
    use(
      async (page) => {
        await page.goto(at({ user }));
        await rows(page);
        const [answer] = await Promise.all([
          page.waitForResponse((response) => response.url().includes("/v1/graph/")),
          page.getByRole("link", { name: "Graph" }).click(),
        ]);
        const graph = await answer.json();
        await page.locator('.graph[data-state="drawn"]').waitFor();
        assert.ok(graph.nodes.length > 3);
        const named = graph.nodes.filter(
          (node) => node.kind !== "item" && !/^(self|users:\d+)$/.test(node.id),
        );
        assert.deepEqual(named, [], "other users have no names");
        for (const node of graph.nodes)
          if (node.kind === "users") assert.ok(node.count >= 5, JSON.stringify(node));
        await page.waitForTimeout(500);
        const picture = await page.locator(".graph").screenshot();
        assert.ok(picture.length > 8000, `a drawing of ${picture.length} bytes is empty`);
        await page.getByText("The graph as a table").click();
        const drawn = await page.locator("tbody tr").count();
        assert.ok(drawn > 3 && drawn <= graph.edges.length, `${drawn} of ${graph.edges.length} edges`);
        await page.getByRole("button", { name: "Zoom in" }).click();
        await page.waitForTimeout(300);
        assert.notDeepEqual(await page.locator(".graph").screenshot(), picture);
        await page.getByRole("slider", { name: "Their items" }).fill("3");
        await page.waitForResponse((response) => response.url().includes("items=3"));
      },
      { graphs: true },
    ),
  );

  test(
    "the model",
    use(async (page) => {
      await page.goto(at({ view: "model" }));
      const model = await json(base, "v1/model");
      await page.getByText(model.model_version, { exact: true }).waitFor();
      const facts = await page.locator(".facts-grid").textContent();
      for (const n of [model.n_users, model.n_items, model.n_edges])
        assert.ok(facts.includes(n.toLocaleString("en")), facts);
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
