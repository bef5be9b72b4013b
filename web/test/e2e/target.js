// Shared by the tests of a file: the service, a browser, and the user with the longest history.
import { after, before } from "node:test";
import { json, onPage, startBrowser, startTarget } from "./browser.js";

export let base;
export let browser;
export let user;

let target;

before(async () => {
  target = await startTarget();
  base = target.base;
  browser = await startBrowser();
  user = (await json(base, "v1/users?q=&limit=1")).users[0].id;
});
after(async () => {
  await browser?.close();
  await target?.stop();
});

/** A test that runs on a new page. */
export const use = (act, options) => () => onPage(browser, base, act, options);
/** The page's address with a query. */
export const at = (query) => `${base}?${new URLSearchParams(query)}`;
