// A mock of `lightgcn serve` over a synthetic shop, for development of the page and its tests.
// node test/mock/server.js [PORT]; PAGE names the folder of the built page.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as answers from "./answers.js";
import { outcomes } from "./outcomes.js";

const PAGE =
  process.env.PAGE ?? fileURLToPath(new URL("../../../crates/lightgcn-serve/assets", import.meta.url));
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};
const HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
};

async function body(request) {
  let text = "";
  for await (const chunk of request) text += chunk;
  return JSON.parse(text || "{}");
}

async function answer(request, url) {
  const parts = url.pathname.split("/").slice(1).map(decodeURIComponent);
  const query = (name, fallback) => url.searchParams.get(name) ?? fallback;
  const number = (name, fallback) => Number(query(name, fallback));
  const route = `${request.method} ${parts.slice(0, 2).join("/")}${parts.length > 2 ? "/*" : ""}`;
  switch (route) {
    case "POST v1/recommendations":
      return answers.recommend(await body(request));
    case "GET v1/recommendations/*":
      return answers.recommend({ user: parts[2], options: { k: number("k", 20) } });
    case "POST v1/explanations":
      return answers.explain(await body(request));
    case "GET v1/explanations/*":
      return answers.explain({ user: parts[2], item: parts[3] });
    case "GET v1/users":
      return answers.findUsers(query("q", ""), number("limit", 20));
    case "GET v1/users/*":
      return answers.history(parts[2]);
    case "GET v1/items":
      return answers.findItems(query("q", ""), number("limit", 20));
    case "GET v1/items/*":
      return answers.item(parts[2]);
    case "GET v1/similar/*":
      return answers.similar(parts[2], number("k", 10));
    case "GET v1/popular":
      return answers.popular(number("k", 10));
    case "GET v1/graph/*":
      return answers.graph(
        parts[2],
        number("items", 12),
        number("per_item", 6),
        query("recommended", "").split(",").filter(Boolean),
      );
    case "GET v1/events":
      return answers.recent();
    case "POST v1/events":
      return answers.post(await body(request));
    case "GET admin/models":
      return answers.models(request.headers.authorization);
    case "POST admin/models/*":
      return answers.activate(request.headers.authorization, parts[2]);
    case "GET v1/outcomes":
      return outcomes(answers.MODEL_VERSION, number("days", 30));
    case "GET v1/model":
      return answers.model();
    default:
      throw new answers.ApiError(404, "no_route", "no such route");
  }
}

async function serveFile(path, response) {
  const name = path === "/" ? "index.html" : path.slice(1);
  if (!/^(assets\/)?[\w-][\w.-]*$/.test(name)) return false;
  try {
    const content = await readFile(join(PAGE, name));
    response.writeHead(200, {
      ...HEADERS,
      "content-type": TYPES[extname(name)] ?? "application/octet-stream",
    });
    response.end(content);
    return true;
  } catch {
    return false;
  }
}

export function serve(port = 0) {
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, "http://localhost");
    try {
      if (!/^\/(v1|admin)\//.test(url.pathname) && (await serveFile(url.pathname, response))) return;
      const result = await answer(request, url);
      response.writeHead(200, {
        ...HEADERS,
        "content-type": "application/json",
        "x-model-version": answers.MODEL_VERSION,
      });
      response.end(JSON.stringify(result));
    } catch (error) {
      const { status = 500, code = "internal", message, issues = [] } = error;
      response.writeHead(status, { ...HEADERS, "content-type": "application/json" });
      response.end(JSON.stringify({ error: { code, message, issues } }));
    }
  });
  return new Promise((resolve) => server.listen(port, "127.0.0.1", () => resolve(server)));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const server = await serve(Number(process.argv[2] ?? 8090));
  console.log(`http://127.0.0.1:${server.address().port}/`);
}
