// Errors, hostile data, keyboards and small screens.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { HOSTILE_BRAND, HOSTILE_ITEM, HOSTILE_USER } from "../mock/shop.js";
import { json, listed, onPage, rows } from "./browser.js";
import { at, base, browser, use, user } from "./target.js";

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

describe("keyboard only", () => {
  test(
    "from the start to an explanation",
    use(async (page) => {
      await page.goto(base);
      await page.getByRole("heading", { name: "What will your customers want next?" }).waitFor();
      const focus = () =>
        page.evaluate(() => {
          const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
          const text =
            document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent;
          return {
            text,
            role: document.activeElement.getAttribute("role"),
            seen: outlineStyle !== "none" && outlineWidth !== "0px",
          };
        });
      await page.keyboard.press("Tab");
      assert.match((await focus()).text, /Skip to content/);
      for (let n = 0; n < 12 && (await focus()).role !== "combobox"; n++) {
        await page.keyboard.press("Tab");
        assert.ok((await focus()).seen, `focus is not visible at ${JSON.stringify(await focus())}`);
      }
      await page.keyboard.type(user);
      await page.getByRole("option").filter({ hasText: user }).first().waitFor();
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Enter");
      const ids = await listed(page);
      await page.locator(".rows .row").first().focus();
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Enter");
      assert.equal(new URL(page.url()).searchParams.get("item"), ids[2]);
      await page.locator(".why-head", { hasText: ids[2] }).waitFor();
      await page.keyboard.press("End");
      await page.locator(".why-head", { hasText: ids.at(-1) }).waitFor();
      await page.getByRole("slider", { name: "Products" }).focus();
      await page.keyboard.press("ArrowRight");
      await page.locator(".rows .row").nth(24).waitFor();
    }),
  );

  test(
    "Escape closes the options and keeps the choice",
    use(async (page) => {
      await page.goto(at({ user }));
      await rows(page);
      const field = page.getByRole("combobox", { name: "Search for a customer" });
      await field.focus();
      await page.keyboard.press("ArrowDown");
      await page.locator(".popup").getByRole("option").first().waitFor();
      await page.keyboard.press("Escape");
      assert.equal(await page.locator(".popup").getByRole("option").count(), 0);
      assert.equal(await field.inputValue(), user);
    }),
  );
});

describe("phones", () => {
  for (const query of [
    {},
    { user: "" },
    { user: "USER" },
    { user: "USER", view: "graph" },
    { view: "items" },
    { view: "events" },
    { view: "results" },
    { view: "model" },
  ]) {
    test(
      `no horizontal scrolling at 360 px: ${JSON.stringify(query)}`,
      use(async (page) => {
        await page.goto(at({ ...query, ...(query.user === "USER" ? { user } : {}) }));
        await page.waitForLoadState("networkidle");
        await page.waitForTimeout(500);
        const summaries = page.locator("summary");
        for (let n = 0; n < (await summaries.count()); n++) await summaries.nth(n).click();
        await page.waitForTimeout(300);
        const { wide, width, tabs, room } = await page.evaluate(() => ({
          wide: document.documentElement.scrollWidth,
          width: innerWidth,
          tabs: document.querySelector(".tabs").scrollWidth,
          room: document.querySelector(".tabs").clientWidth,
        }));
        assert.ok(tabs <= room, `the tabs take ${tabs} of ${room} px`);
        assert.ok(wide <= 360 && width <= 360, `${wide} px wide, viewport ${width}`);
      }, PHONE),
    );
  }

  test(
    "the explanation is a sheet that Back and Escape close",
    use(async (page) => {
      await page.goto(at({ user }));
      await rows(page);
      await page.locator(".rows .row").nth(1).click();
      await page.locator("dialog.sheet[open] .total").waitFor();
      const sheet = await page.evaluate(() => document.querySelector("dialog").scrollWidth);
      assert.ok(sheet <= 360, `the sheet is ${sheet} px wide`);
      await page.goBack();
      await page.locator("dialog.sheet").waitFor({ state: "detached" });
      await page.locator(".rows .row").nth(2).click();
      await page.locator("dialog.sheet[open] .total").waitFor();
      await page.keyboard.press("Escape");
      await page.locator("dialog.sheet").waitFor({ state: "detached" });
      await page.locator(".rows .row").nth(2).click();
      await page.getByRole("button", { name: "Back to the list" }).click();
      await page.locator("dialog.sheet").waitFor({ state: "detached" });
      assert.equal(new URL(page.url()).searchParams.get("item"), null);
    }, PHONE),
  );
});

describe("colors", () => {
  const theme = (page) =>
    page.evaluate(() => [
      document.documentElement.dataset.theme,
      getComputedStyle(document.documentElement).backgroundColor,
    ]);

  test(
    "follow the system and the button",
    use(
      async (page) => {
        await page.goto(base);
        const [dark, darkPage] = await theme(page);
        assert.equal(dark, "dark");
        await page.getByRole("button", { name: "Use light colors" }).click();
        const [light, lightPage] = await theme(page);
        assert.equal(light, "light");
        assert.notEqual(darkPage, lightPage);
        await page.reload();
        assert.equal((await theme(page))[0], "light");
        await page.getByRole("button", { name: "Use dark colors" }).click();
        await page.emulateMedia({ colorScheme: "light" });
        await page.waitForFunction(() => document.documentElement.dataset.theme === "light");
      },
      { colorScheme: "dark" },
    ),
  );
});

describe("motion", () => {
  test(
    "is reduced if the system asks for it",
    use(async (page) => {
      await page.route("**/v1/recommendations", () => {});
      await page.goto(at({ user }));
      await page.locator(".list .bone").first().waitFor();
      const name = () =>
        page
          .locator(".list .bone")
          .first()
          .evaluate((bone) => getComputedStyle(bone).animationName);
      assert.equal(await name(), "none");
      await page.emulateMedia({ reducedMotion: "no-preference" });
      assert.equal(await name(), "shimmer");
    }),
  );
});

describe("a model switch", () => {
  test(
    "is noticed while the page is open",
    use(async (page) => {
      await page.goto(at({ user }));
      await rows(page);
      const { model_version: old } = await json(base, "v1/model");
      assert.equal(await page.locator(".version").getAttribute("title"), `Model version ${old}`);
      await page.route("**/v1/**", async (route) => {
        const response = await route.fetch();
        const headers = { ...response.headers(), "x-model-version": "fedcba9876543210" };
        await route.fulfill({
          response,
          headers,
          json: { ...(await response.json()), model_version: "fedcba9876543210" },
        });
      });
      await page.getByRole("slider", { name: "Products" }).fill("25");
      await page.locator('.version[title="Model version fedcba9876543210"]').waitFor();
      await page.locator(".rows .row").nth(24).waitFor();
    }),
  );
});

describe("errors", () => {
  test(
    "the service is down at first and comes back",
    use(
      async (page) => {
        await page.route("**/v1/**", (route) => route.abort("connectionrefused"));
        await page.goto(at({ user }));
        await page.getByRole("alert").getByText("The service cannot be reached").waitFor();
        await page.unroute("**/v1/**");
        await page.getByRole("button", { name: "Try again" }).click();
        await rows(page);
      },
      { failing: true },
    ),
  );

  test(
    "overload offers a retry",
    use(
      async (page) => {
        const body = JSON.stringify({
          error: { code: "overloaded", message: "too many requests are waiting", issues: [] },
        });
        await page.route("**/v1/recommendations", (route) =>
          route.fulfill({ status: 503, contentType: "application/json", body }),
        );
        await page.goto(at({ user }));
        await page.getByRole("alert").getByText("The service is busy or not ready").waitFor();
        await page.unroute("**/v1/recommendations");
        await page.locator(".list").getByRole("button", { name: "Try again" }).click();
        await rows(page);
      },
      { failing: true },
    ),
  );

  test(
    "an answer that is not JSON",
    use(
      async (page) => {
        await page.route("**/v1/explanations", (route) =>
          route.fulfill({ status: 200, contentType: "application/json", body: "<html>" }),
        );
        await page.goto(at({ user }));
        await rows(page);
        await page.locator(".why").getByRole("alert").waitFor();
      },
      { failing: true },
    ),
  );

  test(
    "an unknown user gets items and a reason",
    use(
      async (page) => {
        await page.goto(at({ user: "nobody-of-that-name" }));
        await page.getByText("The model does not know this customer").first().waitFor();
        await rows(page);
        assert.equal(await page.locator('.rows .row .chip[data-source="model"]').count(), 0);
        await page.getByText("There is no score to explain").waitFor();
        await page.goto(at({ user: "nobody-of-that-name", view: "graph" }));
        await page.locator(".failure, .empty").first().waitFor();
      },
      { failing: true },
    ),
  );

  test(
    "an unknown item and an unknown brand",
    use(
      async (page) => {
        await page.goto(at({ user, item: "no-such-item" }));
        await page.locator(".why").getByRole("alert").waitFor();
        await page.goto(at({ user, brand: "no such brand" }));
        await page.locator(".list").getByText("No products match these filters").waitFor();
        await page.getByRole("button", { name: "Remove no such brand" }).click();
        await rows(page);
      },
      { failing: true },
    ),
  );

  test(
    "a model without categories, brands, prices or figures",
    use(async (page) => {
      await page.route("**/v1/model", async (route) => {
        const response = await route.fetch();
        const model = {
          ...(await response.json()),
          categories: [],
          brands: null,
          price: null,
          figures: null,
        };
        await route.fulfill({ response, json: model });
      });
      await page.goto(at({ user }));
      await rows(page);
      await page.getByText("The products of this model have no categories.").waitFor();
      await page.goto(at({ view: "model" }));
      await page.getByText("This model has no figures").waitFor();
      await page.getByText("This model has no run record").waitFor();
    }),
  );

  test(
    "a service that hides histories",
    use(
      async (page) => {
        const hidden = JSON.stringify({
          error: { code: "private", message: "histories are hidden", issues: [] },
        });
        for (const path of ["v1/users*", "v1/users/**", "v1/graph/**", "v1/events"])
          await page.route(`**/${path}`, (route) =>
            route.fulfill({ status: 403, contentType: "application/json", body: hidden }),
          );
        await page.route("**/v1/model", async (route) => {
          const response = await route.fetch();
          const model = { ...(await response.json()), privacy: true, typical_users: [] };
          await route.fulfill({ response, json: model });
        });
        await page.route("**/v1/explanations", async (route) => {
          const response = await route.fetch();
          const answer = await response.json();
          const value = answer.contributions.reduce((sum, part) => sum + part.value, 0);
          const hiding = {
            contributions: [],
            remainder: { value, share: 0.5 },
            paths: [],
            reason: "it is hidden",
          };
          await route.fulfill({ response, json: { ...answer, ...hiding } });
        });
        await page.goto(base);
        await page.getByText("This service hides what customers did").waitFor();
        await page.goto(at({ user }));
        await rows(page);
        await page.locator('.bars [data-key="rest"]', { hasText: "What the customer did" }).waitFor();
        assert.equal(await page.locator(".history").count(), 0);
        assert.equal(await page.getByRole("alert").count(), 0);
        await page.goto(at({ user, view: "graph" }));
        await page.getByText("This service hides histories").waitFor();
        await page.goto(at({ view: "events" }));
        await page.getByRole("alert").getByText("This service hides histories").waitFor();
      },
      { failing: true },
    ),
  );

  test(
    "an explanation without paths or contributions",
    use(async (page) => {
      await page.route("**/v1/explanations", async (route) => {
        const response = await route.fetch();
        const answer = {
          ...(await response.json()),
          paths: [],
          reason: "no users are shared",
          contributions: [],
          self_contribution: null,
          method: "evidence",
          instead: "the paths are evidence",
        };
        await route.fulfill({ response, json: answer });
      });
      await page.goto(at({ user }));
      await rows(page);
      await page.getByText("There is no path to show: no users are shared.").waitFor();
      await page.getByText("the paths are evidence").waitFor();
    }),
  );

  test(
    "an address with invalid values",
    use(
      async (page) => {
        await page.goto(
          `${base}?view=%00&k=-5&diversity=NaN&exploration=1e99&hide=x&event=&event=%25:%25&price_min=abc&seed=-1&user=${encodeURIComponent(user)}`,
        );
        await page.locator(".list").waitFor();
        await page.waitForLoadState("networkidle");
      },
      { failing: true },
    ),
  );
});

describe("hostile names", () => {
  test("are shown as text only", async (t) => {
    const { items } = await json(base, `v1/items?q=${encodeURIComponent("<script>")}&limit=1`);
    if (items.length === 0) return t.skip("the model has no hostile names");
    assert.equal(items[0].details.brand, HOSTILE_BRAND);
    await onPage(browser, base, async (page) => {
      await page.goto(
        at({
          user: "",
          event: `view:${encodeURIComponent(items[0].item)}`,
          hide: "nothing",
          k: "100",
        }),
      );
      await rows(page);
      await page.getByText(HOSTILE_BRAND).first().waitFor();
      assert.equal(await page.locator("#app script, #app img, #app [onload], #app [onerror]").count(), 0);
      await page.getByRole("combobox", { name: "Brand" }).fill(HOSTILE_BRAND);
      await page.keyboard.press("Enter");
      await page.getByRole("button", { name: `Remove ${HOSTILE_BRAND}` }).waitFor();
      await rows(page);
      await page.goto(at({ user: HOSTILE_USER }));
      await rows(page);
      const ids = await listed(page);
      assert.ok(ids.length > 0);
      await page.goto(at({ user: HOSTILE_USER, item: HOSTILE_ITEM }));
      await page.locator(".why-head", { hasText: HOSTILE_ITEM }).waitFor();
      await page.locator(".total").waitFor();
      await page.goto(at({ user: HOSTILE_USER, view: "graph" }));
      await page.locator(".picture .node").first().waitFor();
      assert.equal(await page.locator("#app script, #app img, #app svg[onload], #app b").count(), 0);
    });
  });
});
