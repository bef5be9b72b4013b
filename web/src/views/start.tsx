/** What the page shows before a customer is chosen, and where a new one begins. */
import * as api from "../api";
import { bestKey, readFigures, verdict } from "../figures";
import { useAnswer } from "../hooks";
import { ItemOption } from "../parts/item";
import { Failure, Skeleton } from "../parts/states";
import { Tile, Tiles } from "../parts/tiles";
import { names } from "../parts/user";
import type { Navigate } from "../route";
import * as text from "../text";
import type { FoundUser, ModelAnswer } from "../types";

/** Starts a new customer from popular products. */
export function Compose({ behaviors, navigate }: { behaviors: string[]; navigate: Navigate }) {
  const found = useAnswer("popular", (signal) => api.popular(8, signal));
  const behavior = behaviors.includes("purchase") ? "purchase" : (behaviors.at(-1) ?? "purchase");
  return (
    <section class="panel start" aria-labelledby="compose">
      <h2 id="compose" class="start-title">
        A new customer
      </h2>
      <p>
        Add a product that they viewed, carted or bought to see recommendations at once. The model takes the
        events into account without training.
      </p>
      {found.error && <Failure error={found.error} retry={found.retry} />}
      {found.loading && <Skeleton rows={4} label="Loading popular products" />}
      {found.data && found.data.items.length > 0 && (
        <>
          <h3>Start with a popular product</h3>
          <ul class="starters">
            {found.data.items.map(({ item, details }) => (
              <li key={item}>
                <button
                  type="button"
                  class="plain"
                  onClick={() => {
                    names.set(item, text.title(item, details));
                    navigate({ events: [{ item, behavior, count: 1 }] }, false);
                  }}
                >
                  <ItemOption item={item} details={details} />
                </button>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

const DAY = 86_400;

/** The events of an average day; null where times are unknown. */
function perDay({ n_events: events, trained_from: from, trained_until: until }: ModelAnswer): string | null {
  if (!events || typeof from !== "number" || typeof until !== "number") return null;
  return text.count(Math.round(events / Math.max(1, (until - from) / DAY)));
}

/** How long ago the last event of training was. */
export function age({ trained_until: until }: ModelAnswer): { age: string; day: string } | null {
  if (typeof until !== "number") return null;
  const days = Math.max(0, Math.floor((Date.now() / 1000 - until) / DAY));
  const years = Math.floor(days / 365.25);
  const words = days === 0 ? "today" : years > 1 ? `${years} years` : text.plural(days, "day");
  return { age: words, day: text.day(until) };
}

interface StartProps {
  navigate: Navigate;
  model: ModelAnswer | null;
}

export function Start({ navigate, model }: StartProps) {
  return (
    <section class="panel start" aria-labelledby="start">
      <h2 id="start" class="start-title">
        What will your customers want next?
      </h2>
      <p class="lead">
        This page shows which products each customer of your shop is most likely to buy next, and why, learned
        from what all customers viewed, carted and bought.
      </p>
      {!model && <Skeleton rows={3} label="Loading the model" />}
      {model && (
        <>
          <Overview model={model} />
          <Verdict model={model} navigate={navigate} />
          <Typical model={model} navigate={navigate} />
        </>
      )}
    </section>
  );
}

function Overview({ model }: { model: ModelAnswer }) {
  const known = age(model);
  return (
    <Tiles>
      <Tile name="Customers" value={text.count(model.n_users)} />
      <Tile name="Products" value={text.count(model.n_items)} />
      <Tile name="Events a day" value={perDay(model) ?? "–"} note={perDay(model) ? undefined : "no times"} />
      <Tile
        name="Model age"
        value={known ? known.age : "–"}
        note={known ? `events until ${known.day}` : "no times"}
      />
    </Tiles>
  );
}

function Verdict({ model, navigate }: { model: ModelAnswer; navigate: Navigate }) {
  const figures = readFigures(model.figures, model.model.name);
  const found = verdict(figures, bestKey(figures));
  return (
    <p class={`verdict ${found?.better === null ? "" : found?.better ? "good" : "bad"}`}>
      {found ? found.sentence : "Nobody has measured yet how good this model is: run lightgcn evaluate."}{" "}
      <button type="button" class="link" onClick={() => navigate({ view: "model" })}>
        Figures
      </button>
    </p>
  );
}

function Typical({ model, navigate }: { model: ModelAnswer; navigate: Navigate }) {
  const given = model.typical_users ?? [];
  // Services that do not name typical customers list those with the longest histories.
  const hidden = model.privacy === true;
  const found = useAnswer(given.length > 0 || hidden ? null : "start", async (signal) => {
    return (await api.findUsers("", 6, signal)).users;
  });
  const users = given.length > 0 ? given : found.data;
  if (hidden) {
    return (
      <p>
        This service hides what customers did, and does not list them. Enter an id, or{" "}
        <button type="button" class="link" onClick={() => navigate({ user: "", events: [] })}>
          compose a new customer
        </button>{" "}
        from products.
      </p>
    );
  }
  return (
    <>
      <h3>{given.length > 0 ? "Start with a typical customer" : "Start with a customer of long history"}</h3>
      {found.error && <Failure error={found.error} retry={found.retry} />}
      {!users && !found.error && <Skeleton rows={3} label="Loading customers" />}
      <Users users={users ?? []} navigate={navigate} />
      <p class="quiet">
        Or search for one, or{" "}
        <button type="button" class="link" onClick={() => navigate({ user: "", events: [] })}>
          compose a new customer
        </button>{" "}
        from products.
      </p>
    </>
  );
}

function Users({ users, navigate }: { users: FoundUser[]; navigate: Navigate }) {
  return (
    <ul class="starters">
      {users.map((user) => (
        <li key={user.id}>
          <button type="button" class="plain" onClick={() => navigate({ user: user.id })}>
            <span class="option-title">{user.id}</span>
            <span class="facts">
              <span>{text.plural(user.n_items, "product")}</span>
              <span>{text.count(user.n_bought)} bought</span>
            </span>
          </button>
        </li>
      ))}
    </ul>
  );
}
