// Starts the browser and pages, and checks that nothing forbidden happened on them.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";
import { serve } from "../mock/server.js";

/** The address of the service: TARGET, or the mock. */
export async function startTarget() {
  if (process.env.TARGET)
    return { base: process.env.TARGET.replace(/\/*$/, "/"), real: true, stop: async () => {} };
  const server = await serve();
  const stop = () => new Promise((resolve) => server.close(resolve));
  return { base: `http://127.0.0.1:${server.address().port}/`, real: false, stop };
}

export async function startBrowser() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu"],
  });
}

/**
 * Runs `use` on a new page. Fails if the Content-Security-Policy blocked anything, a script in a name ran, another host
 * was contacted except `hosts`, or an error was thrown.
 */
export async function onPage(browser, base, use, options = {}) {
  const { failing = false, hosts = [], ...context } = options;
  const session = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    reducedMotion: "reduce",
    ...context,
  });
  const page = await session.newPage();
  page.setDefaultTimeout(Number(process.env.WAIT_MS ?? 30_000));
  const errors = [];
  const elsewhere = [];
  page.on("pageerror", (error) => errors.push(`thrown: ${error.message}`));
  page.on("console", (message) => {
    const text = message.text();
    if (message.type() !== "error" || (failing && text.startsWith("Failed to load resource"))) return;
    errors.push(`console: ${text}`);
  });
  page.on("request", (request) => {
    const { origin, host } = new URL(request.url());
    if (origin !== new URL(base).origin && !hosts.includes(host)) elsewhere.push(request.url());
  });
  await page.addInitScript(() => {
    window.__violations = [];
    document.addEventListener("securitypolicyviolation", (event) => {
      window.__violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`);
    });
  });
  try {
    await use(page, session);
    const { violations, attacked } = await page.evaluate(() => ({
      violations: window.__violations,
      attacked: window.__attacked ?? null,
    }));
    assert.deepEqual(violations, [], "violations of the Content-Security-Policy");
    assert.equal(attacked, null, "a script in a name ran");
    assert.deepEqual(elsewhere, [], "requests to another host");
    assert.deepEqual(errors, [], "errors of the page");
  } finally {
    // Handlers of requests that are under way would fail with the page.
    await page.unrouteAll({ behavior: "ignoreErrors" });
    await session.close();
  }
}

export async function json(base, path, body) {
  const response = await fetch(new URL(path, base), {
    ...(body
      ? { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) }
      : {}),
  });
  assert.equal(response.status, 200, `${path}: ${await response.clone().text()}`);
  return response.json();
}

/** Waits until the list has loaded. */
export async function rows(page) {
  await page.locator(".list[aria-busy=false] .rows .row").first().waitFor();
  return page.locator(".rows .row");
}

/** The ids in the list, in order. */
export async function listed(page) {
  await page.waitForTimeout(250);
  await rows(page);
  return page.locator(".rows .row").evaluateAll((all) => all.map((row) => row.dataset.item));
}

/** Waits for the explanation and sums its bars. */
export async function explained(page) {
  await page.locator(".total").waitFor();
  const score = Number(await page.locator(".total").getAttribute("data-score"));
  const values = await page
    .locator(".bars li")
    .evaluateAll((bars) => bars.map((bar) => Number(bar.dataset.value)));
  return { score, values, sum: values.reduce((total, value) => total + value, 0) };
}

/** Whether two scores are equal but for rounding. */
export const close = (a, b) => Math.abs(a - b) <= 1e-3 * Math.max(1, Math.abs(b));
