// Adds users and items with hostile names to an event log: node test/hostile-log.js LOG.csv
import { appendFileSync, readFileSync } from "node:fs";
import { HOSTILE_BRAND, HOSTILE_ITEM, HOSTILE_USER } from "./mock/shop.js";

const [, , path] = process.argv;
const lines = readFileSync(path, "utf8").trimEnd().split("\n");
const columns = lines[0].split(",");
const quote = (text) => `"${text.replaceAll('"', '""')}"`;

/** A row of the log, in the order of its columns. */
const row = (values) => columns.map((column) => quote(values[column] ?? "")).join(",");

// Early events, which a split by time leaves in training, of many users, so that there are paths to show.
const category = 'care.<img src=x onerror="window.__attacked = 2">';
const early = lines.slice(1, 4000).map((line) => line.split(","));
const at = (name) => columns.indexOf(name);
const users = [...new Set(early.map((cells) => cells[at("user_id")]))].slice(0, 60);
const items = [...new Set(early.map((cells) => cells[at("product_id")]))].slice(0, 12);
const added = [];
users.forEach((user, n) => {
  const common = { event_time: early[0][at("event_time")], user_id: user, user_session: `hostile-${n}` };
  const hostile = {
    product_id: HOSTILE_ITEM,
    category_code: category,
    brand: HOSTILE_BRAND,
    price: "6.66",
  };
  added.push(
    row({ ...common, event_type: "view", ...hostile }),
    row({ ...common, event_type: "purchase", ...hostile }),
  );
  for (const item of items.slice(n % 4, (n % 4) + 6)) {
    const known = early.find((cells) => cells[at("product_id")] === item);
    const details = Object.fromEntries(
      ["category_id", "category_code", "brand", "price"].map((name) => [name, known[at(name)]]),
    );
    added.push(row({ ...common, event_type: "purchase", product_id: item, ...details }));
  }
});
for (const item of items.slice(0, 5)) {
  const known = early.find((cells) => cells[at("product_id")] === item);
  const details = Object.fromEntries(
    ["category_id", "category_code", "brand", "price"].map((name) => [name, known[at(name)]]),
  );
  added.push(
    row({
      event_time: early[0][at("event_time")],
      event_type: "purchase",
      user_id: HOSTILE_USER,
      user_session: "hostile",
      product_id: item,
      ...details,
    }),
  );
}
appendFileSync(path, `${added.join("\n")}\n`);
