// Sliders, filters and composed events.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { close, explained, json, listed, rows } from "./browser.js";
import { at, base, use, user } from "./target.js";

describe("sliders and filters take effect at once", () => {
  const slide = (page, name, value) => page.getByRole("slider", { name }).fill(String(value));

  test(
    "k, diversity and exploration",
    use(async (page) => {
      await page.goto(at({ user }));
      const usual = await listed(page);
      await slide(page, "Products", 35);
      await page.locator(".rows .row").nth(34).waitFor();
      assert.equal(new URL(page.url()).searchParams.get("k"), "35");
      await slide(page, "Products", 20);
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
      await page.locator('.rows .row .chip[data-source="exploration"]').first().waitFor();
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
      for (const text of await page.locator(".rows .row-main").allTextContents())
        assert.ok(text.includes(brand), text);
      await page.getByRole("button", { name: `Remove ${brand}` }).click();
      await page.getByRole("textbox", { name: "Lowest price" }).fill("2");
      await page.getByRole("textbox", { name: "Highest price" }).fill("9.5");
      await listed(page);
      for (const price of await page.locator(".rows .row-price").allInnerTexts()) {
        const value = Number(price.replace(/[^\d.]/g, ""));
        assert.ok(value >= 2 && value <= 9.5, price);
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
      await slide(page, "Products", 40);
      await page.waitForTimeout(300);
      await slide(page, "Products", 10);
      await page.waitForTimeout(1800);
      assert.equal(await page.locator(".rows .row").count(), 10);
    }),
  );

  test(
    "an empty list offers to remove all filters",
    use(async (page) => {
      await page.goto(at({ user, price_min: "999999" }));
      await page.getByText("No products match these filters").waitFor();
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
      await page.getByRole("button", { name: "New customer", exact: true }).click();
      await page.getByRole("heading", { name: "A new customer" }).waitFor();
      const { items } = await json(base, "v1/items?q=&limit=2");
      const field = page.getByRole("combobox", { name: "Product of the event to add" });
      await field.fill(items[0].item);
      await page.getByRole("option").filter({ hasText: items[0].item }).first().click();
      await page.locator('.rows .row .chip[data-source="fold_in"]').first().waitFor();
      const item = (await listed(page))[0];
      await page.locator(".why-head", { hasText: item }).waitFor();
      const { score, sum } = await explained(page);
      assert.ok(close(sum, score), `${sum} is not ${score}`);
      assert.equal(await page.locator('.bars li[data-own="true"]').count(), 0);
      const before = await listed(page);
      await page.reload();
      assert.deepEqual(await listed(page), before, "the address contains the events");
      await page.getByRole("button", { name: `Remove product ${items[0].item}` }).click();
      await page.getByRole("heading", { name: "A new customer" }).waitFor();
      await page.locator(".starters button").first().click();
      await rows(page);
    }),
  );

  test(
    "an event changes a known user's list",
    use(async (page) => {
      await page.goto(at({ user }));
      const usual = await listed(page);
      const field = page.getByRole("combobox", { name: "Product of the event to add" });
      await field.fill(usual[2]);
      await page.getByRole("option").filter({ hasText: usual[2] }).first().click();
      await page.waitForFunction(
        (id) => ![...document.querySelectorAll(".rows .row")].some((row) => row.dataset.item === id),
        usual[2],
      );
      const now = await listed(page);
      assert.notDeepEqual(now, usual);
      await page.locator(".rows .moved").first().waitFor();
      const marks = await page
        .locator(".rows .row")
        .evaluateAll((all) => all.map((row) => row.querySelector(".moved")?.textContent ?? ""));
      now.forEach((item, n) => {
        const before = usual.indexOf(item);
        if (before < 0 || marks[n] === "new") return;
        const by = before - n;
        assert.equal(marks[n], by === 0 ? "" : by > 0 ? `▲${by} up ${by}` : `▼${-by} down ${-by}`, item);
      });
    }),
  );
});
