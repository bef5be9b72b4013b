// A small synthetic shop for tests of the page: users, items, events, and a model over them.
// Seeds are fixed, so it is always the same. Some names are hostile on purpose.

export const BEHAVIORS = ["view", "cart", "remove_from_cart", "purchase"];
export const WEIGHTS = { view: 0.01, cart: 0.1, remove_from_cart: -0.09, purchase: 1 };

export const HOSTILE_BRAND = "<script>window.__attacked = 1</script>";
export const HOSTILE_CATEGORY = 'care.<img src=x onerror="window.__attacked = 2">';
export const HOSTILE_ITEM = '"><svg onload=window.__attacked=3>';
export const HOSTILE_USER = "javascript:window.__attacked=4//<b>'\"&/?#%";

const N_USERS = 420;
const N_ITEMS = 190;
const DIMENSION = 24;
const ALPHA = 1 / 3;

const CATEGORIES = [
  "makeup.lips.lipstick",
  "makeup.eyes.mascara",
  "makeup.face.foundation",
  "nails.polish.gel",
  "nails.tools.file",
  "care.face.serum",
  "care.hair.shampoo",
  "apparel.glove",
  "appliances.personal.hair_cutter",
];
const BRANDS = [
  "runail",
  "irisk",
  "grattol",
  "masura",
  "estel",
  "bpw.style",
  "freedecor",
  "cnd",
  "kapous",
  "jessnail",
];

const TITLES = ["Gel polish Ruby", "Velvet lipstick", "Repair shampoo", "Cotton gloves", "Night serum"];

/** Random numbers in [0, 1) from a seed (mulberry32). */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const normal = (draw) => Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());
export const dot = (a, b) => a.reduce((sum, x, n) => sum + x * b[n], 0);

/** The weight of a pair from its counts: the sum of its events, within the floor and the ceiling. */
export function pairWeight(counts) {
  const sum = BEHAVIORS.reduce((total, name) => total + (counts[name] ?? 0) * WEIGHTS[name], 0);
  if (sum < WEIGHTS.view) return WEIGHTS.view;
  if (sum > 1) return counts.purchase ? 1 : 0.5;
  return sum;
}

function makeItems(draw) {
  const items = [];
  for (let n = 0; n < N_ITEMS; n++) {
    const group = n % CATEGORIES.length;
    const bare = n % 23 === 7;
    items.push({
      id: String(5600000 + Math.floor(draw() * 300000)),
      group,
      details: {
        category_id: `14875800${String(5000000000 + group * 734821)}`,
        category_code: bare || draw() < 0.12 ? null : CATEGORIES[group],
        brand: bare || draw() < 0.15 ? null : BRANDS[Math.floor(draw() * BRANDS.length)],
        price: n % 31 === 3 ? null : Math.round(100 * (0.5 + 30 * draw() ** 3)) / 100,
      },
    });
  }
  // Some shops know titles, and addresses of images.
  items.forEach((item, n) => {
    if (n % 4 === 2)
      Object.assign(item.details, {
        title: `${TITLES[n % TITLES.length]} ${n}`,
        image_url: `https://images.shop.example/${item.id}.png`,
        page_url: `https://shop.example/products/${item.id}`,
        in_stock: n % 20 !== 2,
      });
  });
  // Items that try to break out of the page; users of group 0 have them.
  items[0].details.brand = HOSTILE_BRAND;
  items[9].details.category_code = HOSTILE_CATEGORY;
  items[18].id = HOSTILE_ITEM;
  return items;
}

function makeUsers(draw, items) {
  const byGroup = CATEGORIES.map((_, group) =>
    items.map((p, n) => (p.group === group ? n : -1)).filter((n) => n >= 0),
  );
  const users = [];
  for (let n = 0; n < N_USERS; n++) {
    const group = n % CATEGORIES.length;
    const second = Math.floor(draw() * CATEGORIES.length);
    const size = n === 1 ? 1 : 4 + Math.floor(34 * draw() ** 2);
    const history = new Map();
    for (let e = 0; e < size; e++) {
      const of = byGroup[draw() < 0.72 ? group : second];
      const item = of[Math.floor(of.length * draw() ** 1.6)];
      const counts = history.get(item)?.counts ?? {};
      counts.view = (counts.view ?? 0) + 1 + Math.floor(draw() * 3);
      if (draw() < 0.4) counts.cart = (counts.cart ?? 0) + 1;
      if (draw() < 0.1) counts.remove_from_cart = (counts.remove_from_cart ?? 0) + 1;
      if (draw() < 0.3) counts.purchase = (counts.purchase ?? 0) + 1;
      history.set(item, { counts, time: 1570000000 + Math.floor(draw() * 12000000) });
    }
    users.push({ id: String(463240000 + n * 7919), group, history });
  }
  users[9].id = HOSTILE_USER;
  // A user whose only item nobody else has: there is no path from it.
  items.push({
    id: "9999999",
    group: 0,
    details: { category_id: null, category_code: null, brand: null, price: null },
  });
  users[1].history = new Map([[items.length - 1, { counts: { view: 2 }, time: 1575000000 }]]);
  return users;
}

/** The shop with its two-layer propagated embeddings. */
export function makeShop() {
  const draw = random(20191001);
  const items = makeItems(draw);
  const users = makeUsers(draw, items);
  const centers = CATEGORIES.map(() => Array.from({ length: DIMENSION }, () => normal(draw)));
  const near = (group, spread) => centers[group].map((x) => 0.35 * (x * 0.6 + spread * normal(draw)));
  const userRows = users.map((c) => near(c.group, 0.7));
  const itemRows = items.map((p) => near(p.group, 0.8));

  const userDegree = users.map(() => 0);
  const itemDegree = items.map(() => 0);
  const pairs = [];
  users.forEach((user, u) => {
    for (const [item, pair] of user.history) {
      pair.weight = pairWeight(pair.counts);
      userDegree[u] += pair.weight;
      itemDegree[item] += pair.weight;
      pairs.push({ u, item, weight: pair.weight });
    }
  });
  const norm = (u, item, weight) => weight / Math.sqrt(userDegree[u] * itemDegree[item]);
  const zero = (n) => Array.from({ length: n }, () => new Array(DIMENSION).fill(0));
  const step = (users, items) => {
    const [nextUsers, nextItems] = [zero(users.length), zero(items.length)];
    for (const { u, item, weight } of pairs) {
      const a = norm(u, item, weight);
      for (let d = 0; d < DIMENSION; d++) {
        nextUsers[u][d] += a * items[item][d];
        nextItems[item][d] += a * users[u][d];
      }
    }
    return [nextUsers, nextItems];
  };
  const [users1, items1] = step(userRows, itemRows);
  const [, items2] = step(users1, items1);
  const mix = (...rows) => rows[0].map((_, d) => ALPHA * rows.reduce((sum, row) => sum + row[d], 0));
  return {
    items,
    users,
    itemDegree,
    userDegree,
    nPairs: pairs.length,
    norm,
    selfContributions: userRows.map((row) => row.map((x) => ALPHA * x)),
    messages: items.map((_, i) => mix(itemRows[i], items1[i])),
    finals: items.map((_, i) => mix(itemRows[i], items1[i], items2[i])),
    userById: new Map(users.map((c, n) => [c.id, n])),
    itemById: new Map(items.map((p, n) => [p.id, n])),
    buyers: items.map((_, i) => users.filter((c) => c.history.get(i)?.counts.purchase).length),
  };
}
