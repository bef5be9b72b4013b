// The answers of the mock service: the same JSON as the real one, computed from the synthetic shop.
import { BEHAVIORS, dot, makeShop, pairWeight, random } from "./shop.js";

const shop = makeShop();
export const MODEL_VERSION = "5d1c0a9be77f42c1a6f3";
const MIN_USERS = 5;

export class ApiError extends Error {
  constructor(status, code, message, issues = []) {
    super(message);
    Object.assign(this, { status, code, issues });
  }
}

const counted = (counts) =>
  BEHAVIORS.filter((b) => counts[b] > 0).map((b) => ({ behavior: b, count: Math.ceil(counts[b]) }));
const itemNode = (item) => ({
  kind: "item",
  item: shop.items[item].id,
  details: shop.items[item].details,
});

/** A user's training pairs with the events of the request. */
function profile(id, events = []) {
  const user = shop.userById.get(id);
  const history = new Map();
  if (user !== undefined) {
    for (const [item, pair] of shop.users[user].history)
      history.set(item, { counts: { ...pair.counts }, time: pair.time });
  }
  let ignored = 0;
  for (const event of events) {
    if (!BEHAVIORS.includes(event.behavior))
      throw new ApiError(
        400,
        "unknown_behavior",
        `${JSON.stringify(event.behavior)} is not a behavior of this model`,
      );
    const item = shop.itemById.get(event.item);
    if (item === undefined) {
      ignored++;
      continue;
    }
    const entry = history.get(item) ?? { counts: {}, time: null };
    entry.counts[event.behavior] = (entry.counts[event.behavior] ?? 0) + (event.count ?? 1);
    history.set(item, entry);
  }
  let degree = 0;
  for (const entry of history.values()) {
    entry.weight = pairWeight(entry.counts);
    degree += entry.weight;
  }
  for (const [item, entry] of history)
    entry.norm = entry.weight / Math.sqrt(degree * (shop.itemDegree[item] || 1));
  return { user, history, ignored };
}

function score({ user, history }, item) {
  let sum = user === undefined ? 0 : dot(shop.selfContributions[user], shop.finals[item]);
  for (const [j, entry] of history) sum += entry.norm * dot(shop.messages[j], shop.finals[item]);
  return sum;
}

const isCategory = (label, name) => label !== null && (label === name || label.startsWith(`${name}.`));

function passes({ details }, filter) {
  const { category_code: code, category_id: id, brand, price } = details;
  if (filter.categories?.length && !filter.categories.some((n) => isCategory(code, n) || id === n))
    return false;
  if (filter.brands?.length && !filter.brands.includes(brand)) return false;
  if (filter.price_min != null && !(price >= filter.price_min && price !== null)) return false;
  if (filter.price_max != null && !(price <= filter.price_max && price !== null)) return false;
  return true;
}

function diversified(ranked, k, diversity) {
  if (!diversity) return ranked.slice(0, k);
  const pool = ranked.slice(0, Math.max(100, 5 * k));
  const cosine = (a, b) =>
    dot(shop.finals[a], shop.finals[b]) /
    Math.sqrt(dot(shop.finals[a], shop.finals[a]) * dot(shop.finals[b], shop.finals[b]));
  const top = pool[0]?.score || 1;
  const chosen = [];
  while (chosen.length < k && pool.length) {
    let best = 0;
    let bestValue = Number.NEGATIVE_INFINITY;
    pool.forEach((candidate, n) => {
      const nearest = chosen.reduce((most, c) => Math.max(most, cosine(c.item, candidate.item)), 0);
      const value = (1 - diversity) * (candidate.score / top) - diversity * nearest;
      if (value > bestValue) [best, bestValue] = [n, value];
    });
    chosen.push(...pool.splice(best, 1));
  }
  return chosen;
}

const REASONS = {
  model: "ranked by the model for this user",
  fold_in: "ranked by the model from the given events",
  popularity: "bestseller",
  exploration: "chosen at random",
};

export function recommend(request) {
  const { user = "", events = [], options = {} } = request;
  const {
    k = 10,
    hide = "bought",
    familiarity = "any",
    filter = {},
    diversity = 0,
    exploration = 0,
    seed = 0,
  } = options;
  if (!(k >= 1)) throw new ApiError(400, "zero_k", "k is 0; ask for at least one item");
  if (k > 1000) throw new ApiError(400, "k_too_large", "k is beyond the limit of 1000");
  const known = profile(user, events);
  const source = known.user !== undefined ? "model" : known.history.size ? "fold_in" : "popularity";
  const may = (item) => {
    if (!passes(shop.items[item], filter)) return false;
    const met = known.history.get(item);
    if (familiarity !== "any" && Boolean(met) !== (familiarity === "familiar")) return false;
    return hide === "nothing" || !met || (hide === "bought" && !met.counts.purchase);
  };
  const ranked = shop.items
    .map((_, item) => item)
    .filter(may)
    .map((item) => ({
      item,
      source,
      score: source === "popularity" ? shop.buyers[item] : score(known, item),
    }))
    .sort((a, b) => b.score - a.score || a.item - b.item);
  const list = diversified(ranked, k, diversity);
  const draw = random(seed + 1);
  for (let place = 0; place < list.length; place++) {
    if (draw() >= exploration) continue;
    const taken = new Set(list.map((entry) => entry.item));
    const others = ranked.filter((entry) => !taken.has(entry.item));
    if (others.length) list[place] = { ...others[Math.floor(draw() * others.length)], source: "exploration" };
  }
  return {
    model_version: MODEL_VERSION,
    user,
    known: known.user !== undefined,
    source,
    ...(known.ignored ? { ignored_events: known.ignored } : {}),
    items: list.map((entry, n) => ({
      item: shop.items[entry.item].id,
      rank: n + 1,
      score: entry.score,
      source: entry.source,
      reason: REASONS[entry.source],
      details: shop.items[entry.item].details,
    })),
  };
}

function meeting(item, other) {
  return shop.users
    .map((_, n) => n)
    .filter((n) => shop.users[n].history.has(item) && shop.users[n].history.has(other));
}

function step(users, item) {
  const did = {};
  let weight = 0;
  for (const user of users) {
    const pair = shop.users[user].history.get(item);
    weight += pair.weight;
    for (const b of BEHAVIORS) if (pair.counts[b]) did[b] = (did[b] ?? 0) + 1;
  }
  return { behaviors: counted(did).filter((b) => b.count >= MIN_USERS), weight };
}

function pathsTo(known, item, limit, sum) {
  const paths = [];
  const direct = known.history.get(item);
  const user = { kind: "user" };
  if (direct) {
    const value = direct.norm * dot(shop.messages[item], shop.finals[item]);
    paths.push({
      strength: direct.norm,
      value,
      share: value / sum,
      edges: [{ from: user, to: itemNode(item), behaviors: counted(direct.counts), weight: direct.weight }],
    });
  }
  const longer = [];
  for (const [j, entry] of known.history) {
    if (j === item) continue;
    const users = meeting(j, item).filter((n) => n !== known.user);
    if (users.length < MIN_USERS) continue;
    const strength =
      entry.norm *
      users.reduce((total, v) => {
        const { history } = shop.users[v];
        return total + shop.norm(v, j, history.get(j).weight) * shop.norm(v, item, history.get(item).weight);
      }, 0);
    const value = entry.norm * dot(shop.messages[j], shop.finals[item]) * (1 - Math.exp(-users.length / 12));
    const others = { kind: "other_users", count: users.length };
    longer.push({
      strength,
      value,
      share: value / sum,
      edges: [
        { from: user, to: itemNode(j), behaviors: counted(entry.counts), weight: entry.weight },
        { from: itemNode(j), to: others, ...step(users, j) },
        { from: others, to: itemNode(item), ...step(users, item) },
      ],
    });
  }
  longer.sort((a, b) => b.strength - a.strength);
  return [...paths, ...longer].slice(0, limit);
}

export function explain(request) {
  const { user = "", item: id, events = [], options = {} } = request;
  const item = shop.itemById.get(id);
  if (item === undefined)
    throw new ApiError(404, "unknown_item", `item ${JSON.stringify(id)} is unknown to the model`);
  const known = profile(user, events);
  if (known.user === undefined && !known.history.size) {
    throw new ApiError(
      404,
      "unknown_user",
      `user ${JSON.stringify(user)} is unknown to the model and has no events`,
    );
  }
  const own = known.user === undefined ? null : dot(shop.selfContributions[known.user], shop.finals[item]);
  const values = [...known.history].map(([j, entry]) => ({
    j,
    entry,
    value: entry.norm * dot(shop.messages[j], shop.finals[item]),
  }));
  const sum = Math.abs(own ?? 0) + values.reduce((total, v) => total + Math.abs(v.value), 0);
  values.sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
  const exact = (own ?? 0) + values.reduce((total, v) => total + v.value, 0);
  const paths = pathsTo(known, item, options.limit ?? 5, sum);
  return {
    model_version: MODEL_VERSION,
    user,
    item: id,
    details: shop.items[item].details,
    score: Math.fround(exact),
    bought: Boolean(known.history.get(item)?.counts.purchase),
    method: known.user === undefined ? "fold_in" : "path_sum",
    self_contribution: own === null ? null : { value: own, share: own / sum },
    contributions: values.map(({ j, entry, value }) => ({
      item: shop.items[j].id,
      details: shop.items[j].details,
      behaviors: counted(entry.counts),
      value,
      share: value / sum,
    })),
    rounding: Math.fround(exact) - exact,
    paths,
    reason: paths.length ? null : "no path from the history to the item is shared by at least 5 users",
    instead: null,
  };
}

export function history(user) {
  const known = profile(user);
  const items = [...known.history].map(([item, entry]) => ({
    item: shop.items[item].id,
    behaviors: counted(entry.counts),
    weight: entry.weight,
    last_time: entry.time,
    bought: Boolean(entry.counts.purchase),
    details: shop.items[item].details,
  }));
  items.sort((a, b) => b.weight - a.weight);
  return { user, known: known.user !== undefined, history: items, model_version: MODEL_VERSION };
}

const found = (user) => ({
  id: user.id,
  n_items: user.history.size,
  n_bought: [...user.history.values()].filter((e) => e.counts.purchase).length,
});

/** Whole names first, then those that begin with the text, then the others; each in the given order. */
function ranked(list, needle, names) {
  const place = (one) =>
    Math.min(...names(one).map((name) => (name === needle ? 0 : name.startsWith(needle) ? 1 : 2)));
  return list.toSorted((a, b) => place(a) - place(b));
}

export function findUsers(q, limit) {
  const needle = q.trim().toLowerCase();
  const users = shop.users
    .filter((c) => c.id.toLowerCase().includes(needle))
    .map(found)
    .sort((a, b) => b.n_items - a.n_items || (a.id < b.id ? -1 : 1));
  const list = ranked(users, needle, ({ id }) => [id.toLowerCase()]);
  return { users: list.slice(0, limit), total: list.length };
}

const usersOf = (item) => shop.users.filter((c) => c.history.has(item));

export function findItems(q, limit) {
  const needle = q.trim().toLowerCase();
  const labels = ({ item, details }) =>
    [item, details.brand, details.category_code].flatMap((text) => (text ? [text.toLowerCase()] : []));
  const items = shop.items
    .map((p, n) => ({ item: p.id, details: p.details, n_users: usersOf(n).length }))
    .filter((p) => labels(p).some((text) => text.includes(needle)))
    .sort((a, b) => b.n_users - a.n_users || (a.item < b.item ? -1 : 1));
  const list = ranked(items, needle, labels);
  return { items: list.slice(0, limit), total: list.length };
}

const MAX_ALSO = 8;

export function item(id) {
  const item = shop.itemById.get(id);
  if (item === undefined)
    throw new ApiError(404, "unknown_item", `item ${JSON.stringify(id)} is unknown to the model`);
  const users = usersOf(item);
  const did = Object.fromEntries(
    BEHAVIORS.map((b) => [b, users.filter((c) => c.history.get(item).counts[b]).length]),
  );
  const buyers = users.filter((c) => c.history.get(item).counts.purchase);
  const also = new Map();
  for (const { history } of buyers)
    for (const [other, { counts }] of history)
      if (counts.purchase && other !== item) also.set(other, (also.get(other) ?? 0) + 1);
  return {
    model_version: MODEL_VERSION,
    item: id,
    details: shop.items[item].details,
    n_users: users.length,
    n_bought: buyers.length >= MIN_USERS ? buyers.length : null,
    behaviors: counted(did).filter((b) => b.count >= MIN_USERS),
    also_bought: [...also]
      .filter(([, count]) => count >= MIN_USERS)
      .sort((a, b) => b[1] - a[1] || a[0] - b[0])
      .slice(0, MAX_ALSO)
      .map(([n, count]) => ({ item: shop.items[n].id, details: shop.items[n].details, count })),
  };
}

/** Users who bought something and whose number of items is nearest to the median of such users. */
function typicalUsers() {
  const buyers = shop.users.map(found).filter((user) => user.n_bought > 0);
  const sizes = buyers.map((user) => user.n_items).sort((a, b) => a - b);
  const median = sizes[Math.floor(sizes.length / 2)];
  const off = (user) => Math.abs(user.n_items - median);
  return buyers.toSorted((a, b) => off(a) - off(b)).slice(0, 6);
}

export function similar(id, k) {
  const item = shop.itemById.get(id);
  if (item === undefined)
    throw new ApiError(404, "unknown_item", `item ${JSON.stringify(id)} is unknown to the model`);
  const length = (n) => Math.sqrt(dot(shop.finals[n], shop.finals[n]));
  const items = shop.items
    .map((_, n) => ({ n, score: dot(shop.finals[item], shop.finals[n]) / (length(item) * length(n)) }))
    .filter(({ n }) => n !== item)
    .sort((a, b) => b.score - a.score)
    .slice(0, k)
    .map(({ n, score: s }, place) => ({
      item: shop.items[n].id,
      rank: place + 1,
      score: s,
      source: "model",
      reason: "similar to the item",
      details: shop.items[n].details,
    }));
  return { model_version: MODEL_VERSION, items };
}

export function popular(k) {
  return { model_version: MODEL_VERSION, items: recommend({ options: { k, hide: "nothing" } }).items };
}

export function graph(user, nItems, perItem, recommended) {
  const known = profile(user);
  if (known.user === undefined)
    throw new ApiError(404, "unknown_user", `user ${JSON.stringify(user)} is unknown to the model`);
  const own = [...known.history].sort((a, b) => b[1].weight - a[1].weight).slice(0, nItems);
  const nodes = [{ id: "self", kind: "self" }];
  const edges = [];
  const place = (item) => {
    const id = `item:${shop.items[item].id}`;
    if (!nodes.some((n) => n.id === id)) nodes.push({ id, ...itemNode(item) });
    return id;
  };
  for (const [j, entry] of own) {
    const main = counted(entry.counts).at(-1).behavior;
    edges.push({ source: "self", target: place(j), weight: entry.weight, behavior: main });
  }
  const asked = recommended.map((id) => shop.itemById.get(id)).filter((n) => n !== undefined);
  for (const item of asked) place(item);
  const met = new Set(own.map(([j]) => j));
  let groups = 0;
  for (const [j] of own) {
    const together = shop.items
      .map((_, item) => ({ item, users: meeting(j, item).filter((n) => n !== known.user) }))
      .filter(({ item, users }) => !met.has(item) && users.length >= MIN_USERS)
      .sort((a, b) => b.users.length - a.users.length || a.item - b.item);
    const shown = together.filter(({ item }, n) => n < perItem || asked.includes(item));
    for (const { item, users } of shown) {
      const id = `users:${++groups}`;
      nodes.push({ id, kind: "users", count: users.length });
      edges.push({ source: place(j), target: id, weight: step(users, j).weight });
      edges.push({ source: id, target: place(item), weight: step(users, item).weight });
    }
  }
  return { model_version: MODEL_VERSION, nodes, edges };
}

export function model() {
  const labels = (field) => {
    const counts = new Map();
    for (const p of shop.items)
      if (p.details[field]) counts.set(p.details[field], (counts.get(p.details[field]) ?? 0) + 1);
    return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([label]) => label);
  };
  const sum = (list, of) => list.reduce((total, one) => total + of(one), 0);
  const times = shop.users.flatMap(({ history }) => [...history.values()].map(({ time }) => time));
  const prices = shop.items.map((p) => p.details.price).filter((p) => p !== null);
  const curve = Array.from({ length: 24 }, (_, n) => ({
    epoch: n + 1,
    loss: 0.18 + 0.51 * Math.exp(-n / 5),
    ...(n % 2 && {
      "recall@20": 0.181 - 0.13 * Math.exp(-n / 5) - 0.0004 * Math.max(0, n - 17) ** 2,
      "ndcg@20": 0.112 - 0.082 * Math.exp(-n / 5) - 0.0003 * Math.max(0, n - 17) ** 2,
    }),
  }));
  return {
    model_version: MODEL_VERSION,
    model: { name: "lightgcn", layers: 2, dimension: 24 },
    n_users: shop.users.length,
    n_items: shop.items.length,
    n_edges: shop.nPairs,
    behaviors: BEHAVIORS,
    categories: labels("category_code"),
    brands: labels("brand"),
    price: { min: Math.min(...prices), max: Math.max(...prices) },
    n_events: sum(shop.users, ({ history }) =>
      sum([...history.values()], ({ counts }) => sum(Object.values(counts), (n) => n)),
    ),
    trained_from: Math.min(...times),
    trained_until: Math.max(...times),
    typical_users: typicalUsers(),
    currency: "EUR",
    image_hosts: [],
    admin_on_page: true,
    impressions: true,
    figures: {
      metrics: { "best epoch": 18, "validation recall@20": 0.1764, "validation ndcg@20": 0.1093 },
      // What `lightgcn evaluate --on-validation --json` prints, as far as the page reads it.
      baselines: {
        part: "validation",
        n_users: 311,
        n_targets: 702,
        metric: "recall",
        k: 20,
        rows: [
          ["lightgcn", 0.1764, 0.1093],
          ["item-kNN", 0.1406, 0.0881],
          ["popularity", 0.0642, 0.0349],
          ["seen, not bought", 0.1451, 0.0937],
          ["random", 0.0034, 0.0022],
        ].map(([ranker, recall, ndcg]) => ({ ranker, figures: { "recall@20": recall, "ndcg@20": ndcg } })),
      },
      curve,
    },
  };
}

const DAY = 86_400;
const posted = [];

export function post({ events = [] }) {
  const now = Math.floor(Date.now() / 1000);
  for (const { user, item, behavior, time = now, count = 1 } of events)
    posted.unshift({ user, item, behavior, time, count });
  return { model_version: MODEL_VERSION, accepted: events.length };
}

export function recent() {
  const counts = new Map();
  for (const { history } of shop.users)
    for (const { time, counts: did } of history.values()) {
      const day = counts.get(Math.floor(time / DAY)) ?? {};
      for (const [name, n] of Object.entries(did)) day[name] = (day[name] ?? 0) + n;
      counts.set(Math.floor(time / DAY), day);
    }
  const last = Math.max(...counts.keys());
  const days = Array.from({ length: 60 }, (_, n) => last - 59 + n);
  return {
    model_version: MODEL_VERSION,
    n_posted: posted.length,
    n_stored: posted.length,
    latest: posted.slice(0, 50).map((event) => ({
      ...event,
      details: shop.items[shop.itemById.get(event.item)]?.details ?? null,
    })),
    days: days.map((day) => ({ time: day * DAY, behaviors: counted(counts.get(day) ?? {}) })),
  };
}

export const ADMIN_TOKEN = "the-token-of-the-mock";
let active = MODEL_VERSION;

/** The models in memory, the active one first. */
export function models(token) {
  if (token !== `Bearer ${ADMIN_TOKEN}`)
    throw new ApiError(401, "unauthorized", "send the token as Authorization: Bearer TOKEN");
  const figures = { "validation recall@20": 0.1764, "validation ndcg@20": 0.1093 };
  const own = { name: "lightgcn", n_users: shop.users.length, n_items: shop.items.length, path: null };
  const all = [
    { version: MODEL_VERSION, ...own, trained_until: 1_582_000_000, figures },
    {
      version: "e4a90b3c7712d5f8",
      ...own,
      trained_until: 1_581_000_000,
      figures: { "validation recall@20": 0.17 },
    },
  ];
  return { models: all.map((one) => ({ ...one, active: one.version === active })) };
}

export function activate(token, version) {
  models(token);
  active = version;
  return models(token);
}
