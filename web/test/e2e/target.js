// What the tests of one file share: the service, a browser, and a user with much to show.
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

/** A test that acts on a new page. */
export const use = (act, options) => () => onPage(browser, base, act, options);
/** The page's address in a state. */
export const at = (query) => `${base}?${new URLSearchParams(query)}`;
