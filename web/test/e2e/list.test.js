// The first screen and the list, against the mock or, with TARGET=http://…, against the real service.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { json, listed, rows } from "./browser.js";
import { at, base, use, user } from "./target.js";

describe("the first screen", () => {
  test(
    "says what the page is, how large and how good the model is, and whom to start with",
    use(async (page) => {
      await page.goto(base);
      await page.locator(".start .lead").waitFor();
      const model = await json(base, "v1/model");
      const tiles = await page.locator(".start .facts-grid > div").allInnerTexts();
      assert.equal(tiles.length, 4);
      assert.ok(tiles[0].includes(model.n_users.toLocaleString("en")), tiles[0]);
      assert.ok(tiles[1].includes(model.n_items.toLocaleString("en")), tiles[1]);
      const days = (model.trained_until - model.trained_from) / 86_400;
      const perDay = Math.round(model.n_events / Math.max(1, days));
      assert.ok(tiles[2].includes(perDay.toLocaleString("en")), tiles[2]);
      assert.match(tiles[3], /events until|no times/);
      const verdict = await page.locator(".verdict").textContent();
      const compared = model.figures?.baselines;
      if (compared) assert.match(verdict, /best simple rule|Has (a|about)/);
      else assert.match(verdict, /Nobody has measured/);
      await page.locator(".starters button").first().click();
      await rows(page);
    }),
  );

  for (const [own, p, words] of [
    [0.2, 0.001, /^The model finds 33% more of what people buy than the best simple rule \(Item-kNN\)\./],
    [0.1, 0.001, /^The model finds 33% less .*: here the rule is better\./],
    [0.16, 0.4, /^The model finds about as much .*: the difference may be chance\./],
  ]) {
    test(
      `the verdict of ${own} against 0.15 with p = ${p}`,
      use(async (page) => {
        await page.route("**/v1/model", async (route) => {
          const response = await route.fetch();
          const model = await response.json();
          const row = (ranker, recall, chance) => ({
            ranker,
            figures: { "recall@20": recall },
            first_against_this: chance === null ? null : { p_value: chance },
          });
          // The model that the ranking uses is no rule, however good.
          const rows = [
            row("learned ranking", own, null),
            row("lightgcn", 0.9, 0.001),
            row("item-kNN", 0.15, p),
            row("popularity", 0.05, 0.001),
          ];
          const baselines = { part: "test", n_users: 9, n_targets: 9, metric: "recall", k: 20, rows };
          await route.fulfill({ response, json: { ...model, figures: { metrics: {}, baselines } } });
        });
        await page.goto(base);
        assert.match(await page.locator(".verdict").textContent(), words);
      }),
    );
  }
});

describe("a user's list", () => {
  test(
    "search, pick, reload, go back",
    use(async (page) => {
      await page.goto(base);
      await page.getByRole("heading", { name: "What will your customers want next?" }).waitFor();
      const field = page.getByRole("combobox", { name: "Search for a customer" });
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
      await page.getByRole("heading", { name: "What will your customers want next?" }).waitFor();
    }),
  );

  test(
    "items show names, price, score and source",
    use(async (page) => {
      await page.goto(at({ user }));
      await rows(page);
      const { items } = await json(base, "v1/recommendations", { user, options: { k: 20 } });
      const texts = await page.locator(".rows .row").allInnerTexts();
      items.forEach((item, n) => {
        assert.ok(texts[n].includes(item.item), texts[n]);
        if (item.details.brand) assert.ok(texts[n].includes(item.details.brand), texts[n]);
        if (item.details.price !== null)
          assert.ok(texts[n].replaceAll(",", "").includes(item.details.price.toFixed(2)), texts[n]);
      });
      assert.equal(
        await page.locator('.rows .row .chip[data-source="model"]').count(),
        items.filter((i) => i.source === "model").length,
      );
    }),
  );

  test(
    "products that were met before have a badge",
    use(async (page) => {
      await page.goto(at({ user, hide: "nothing" }));
      const ids = await listed(page);
      const { history } = await json(base, `v1/users/${encodeURIComponent(user)}`);
      const met = new Set(history.map(({ item }) => item));
      await page.locator(".history-row").first().waitFor();
      const badged = await page
        .locator(".rows .row")
        .evaluateAll((all) =>
          all.filter((row) => row.querySelector(".badge")).map((row) => row.dataset.item),
        );
      assert.deepEqual(
        badged,
        ids.filter((id) => met.has(id)),
      );
      assert.ok(badged.length > 0);
      assert.match(await page.locator(".rows .badge").first().textContent(), /viewed|carted|bought/);
    }),
  );

  test(
    "titles, images of allowed hosts and the currency are shown, and images of others are not",
    use(
      async (page) => {
        const png = Buffer.from(
          "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
          "base64",
        );
        await page.route("https://images.shop.example/**", (route) =>
          route.fulfill({ contentType: "image/png", body: png }),
        );
        await page.route(`${base}*`, async (route) => {
          const response = await route.fetch();
          const policy = response.headers()["content-security-policy"];
          const allowed = policy.replace("img-src", "img-src https://images.shop.example");
          const headers = { ...response.headers(), "content-security-policy": allowed };
          await route.fulfill({ response, headers });
        });
        await page.route("**/v1/model", async (route) => {
          const response = await route.fetch();
          const more = { image_hosts: ["images.shop.example"], currency: "JPY" };
          await route.fulfill({ response, json: { ...(await response.json()), ...more } });
        });
        await page.route("**/v1/recommendations", async (route) => {
          const response = await route.fetch();
          const answer = await response.json();
          const known = [
            { title: "A red coat", image_url: "https://images.shop.example/coat.png", price: 1200 },
            { title: "A hat", image_url: "https://elsewhere.example/hat.png", in_stock: false },
            {
              title: null,
              image_url: null,
              brand: "hulizi",
              category_code: null,
              category_id: "1487580005092295511",
            },
          ];
          for (const item of answer.items) item.details.image_url = null;
          for (const [n, details] of known.entries()) Object.assign(answer.items[n].details, details);
          await route.fulfill({ response, json: answer });
        });
        await page.goto(at({ user }));
        await rows(page);
        const titles = await page.locator(".rows .row-title").allInnerTexts();
        assert.ok(titles[0].startsWith("A red coat"), titles[0]);
        const ids = await listed(page);
        assert.ok(titles[2].startsWith(`Product ${ids[2]} · hulizi`), titles[2]);
        const texts = await page.locator(".rows .row").allInnerTexts();
        assert.ok(texts[0].includes("¥1,200"), texts[0]);
        assert.ok(texts[1].includes("out of stock"), texts[1]);
        assert.ok(!texts[2].includes("1487580005092295511"), texts[2]);
        const images = page.locator(".rows img");
        assert.deepEqual(await images.evaluateAll((all) => all.map((image) => image.src)), [
          "https://images.shop.example/coat.png",
        ]);
        await page.waitForFunction(() => document.querySelector(".rows img")?.naturalWidth === 1);
      },
      { hosts: ["images.shop.example"] },
    ),
  );

  test(
    "rows of the history open products",
    use(async (page) => {
      await page.goto(at({ user }));
      const { history } = await json(base, `v1/users/${encodeURIComponent(user)}`);
      await page.locator(".history-row").nth(1).click();
      assert.equal(new URL(page.url()).searchParams.get("item"), history[1].item);
      await page.locator(".why-head", { hasText: history[1].item }).waitFor();
      await page.locator(".why .lead").waitFor();
      await page.getByRole("button", { name: "Product details" }).click();
      await page.locator("section[aria-labelledby=item] .facts-grid").waitFor();
    }),
  );

  test(
    "search lists what begins with the text first",
    use(async (page) => {
      await page.goto(base);
      const start = user.slice(0, Math.max(1, user.length - 2));
      await page.getByRole("combobox", { name: "Search for a customer" }).fill(start);
      await page.getByRole("option").first().waitFor();
      const found = await page.getByRole("option").locator(".option-title").allInnerTexts();
      const begins = found.map((id) => id.startsWith(start));
      assert.ok(
        begins[0] &&
          begins.lastIndexOf(true) < (begins.indexOf(false) + begins.length + 1) % (begins.length + 1),
        found.join(),
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
