/** The main view: a user, the list, and the explanation of an item. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import * as api from "../api";
import { type Pending, useAnswer, useDebounced, useMedia } from "../hooks";
import { Controls } from "../parts/controls";
import { ExplanationView } from "../parts/explanation";
import { ItemOption } from "../parts/item";
import { ItemList } from "../parts/list";
import { Empty, Failure, Skeleton } from "../parts/states";
import { Events, History, names, UserPicker } from "../parts/user";
import { DEFAULTS, type Navigate, type Route } from "../route";
import * as text from "../text";
import type { Answer, Explanation, ModelAnswer, RecommendRequest } from "../types";

interface Props {
  route: Route;
  navigate: Navigate;
  model: ModelAnswer | null;
  theme: string;
}

export function requestOf(route: Route): RecommendRequest {
  const wrong = route.priceMin !== null && route.priceMax !== null && route.priceMin > route.priceMax;
  return {
    user: route.user ?? "",
    events: route.events,
    options: {
      k: route.k,
      hide: route.hide,
      familiarity: route.familiarity,
      diversity: route.diversity,
      exploration: route.exploration,
      revenue: route.revenue,
      seed: route.seed,
      filter: {
        categories: route.categories,
        brands: route.brands,
        price_min: wrong ? null : route.priceMin,
        price_max: wrong ? null : route.priceMax,
      },
    },
  };
}

/** The list for a route and a version of the model; requested again when either changes. */
export function useRecommendations(route: Route, version: string | null): Pending<Answer> {
  const request = requestOf(route);
  const ask = version !== null && route.user !== null && (route.user !== "" || route.events.length > 0);
  const key = ask ? `${version} ${JSON.stringify(request)}` : null;
  return useAnswer(key, (signal) => api.recommend(request, signal), 130);
}

/** Recent explanations, so that pointing along a list does not request them again. */
const cached = new Map<string, Explanation>();
const MAX_CACHED = 200;

async function explained(key: string, route: Route, item: string, signal: AbortSignal): Promise<Explanation> {
  const known = cached.get(key);
  if (known) return known;
  const answer = await api.explain(route.user ?? "", item, route.events, signal);
  if (cached.size >= MAX_CACHED) cached.delete(cached.keys().next().value ?? "");
  cached.set(key, answer);
  return answer;
}

export function Recommendations({ route, navigate, model, theme }: Props) {
  const version = model?.model_version ?? null;
  const wide = useMedia("(min-width: 1200px)");
  const narrow = useMedia("(max-width: 759px)");
  // The item under the pointer counts until another one is chosen.
  const place = JSON.stringify([route.user, route.item]);
  const [pointed, setPointed] = useState<{ item: string; place: string } | null>(null);
  const settled = useDebounced(pointed, 110);
  const pointing = settled?.place === place ? settled.item : null;
  const point = (item: string | null) => setPointed(item === null ? null : { item, place });
  const answer = useRecommendations(route, version);
  const history = useAnswer(route.user && version ? `${version} ${route.user}` : null, (signal) =>
    api.user(route.user ?? "", signal),
  );
  const items = answer.data?.user === route.user ? answer.data.items : [];
  const pick = wide ? (pointing ?? route.item ?? items[0]?.item ?? null) : route.item;
  const shown = route.user === null ? null : pick;
  const key =
    shown === null || version === null
      ? null
      : `${version} ${JSON.stringify([route.user, route.events, shown])}`;
  const why = useAnswer(key, (signal) => explained(key ?? "", route, shown ?? "", signal));
  const listed = items.find((one) => one.item === shown) ?? null;

  const started = route.user !== null;
  const asked = started && (route.user !== "" || route.events.length > 0);
  const behaviors = model?.behaviors ?? [];
  const picker = <UserPicker route={route} navigate={navigate} />;
  const events = started && <Events route={route} navigate={navigate} behaviors={behaviors} />;
  const controls = started && <Controls route={route} navigate={navigate} model={model} />;
  const past = route.user && <History answer={history} behaviors={behaviors} />;
  const middle = asked ? (
    <ItemList
      route={route}
      answer={answer}
      shown={shown}
      onPoint={wide ? point : () => undefined}
      onPick={(item) => navigate({ item }, item !== route.item)}
      onReset={() =>
        navigate(
          {
            categories: [],
            brands: [],
            priceMin: null,
            priceMax: null,
            hide: DEFAULTS.hide,
            familiarity: DEFAULTS.familiarity,
          },
          false,
        )
      }
    />
  ) : started ? (
    <Compose behaviors={behaviors} navigate={navigate} />
  ) : (
    <Start navigate={navigate} />
  );
  return (
    <div class={`columns ${asked ? "" : "unstarted"}`}>
      {narrow ? (
        <div class="middle">
          {picker}
          {route.user === "" ? events : events && <Folded name="What if…">{events}</Folded>}
          {controls && <Folded name="List and filters">{controls}</Folded>}
          {middle}
          {past}
        </div>
      ) : (
        <>
          <div class="side">
            {picker}
            {events}
            {past}
          </div>
          <div class="middle">
            {controls}
            {middle}
          </div>
        </>
      )}
      {asked && wide && shown === null && (
        <aside class="panel why" aria-label="Explanation">
          {answer.loading ? (
            <Skeleton rows={6} label="Loading the explanation" />
          ) : (
            <Empty title="Why this item?">
              <p>Point at an item to see what makes up its score and the paths that lead to it.</p>
            </Empty>
          )}
        </aside>
      )}
      {shown !== null && (
        <Why wide={wide} item={shown} close={() => navigate({ item: null })}>
          <ExplanationView
            item={shown}
            answer={why}
            listed={listed}
            theme={theme}
            onPick={(item) => navigate({ item })}
          />
        </Why>
      )}
    </div>
  );
}

/** Collapses what is rarely changed, for phones. */
function Folded({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <details class="panel folded">
      <summary>{name}</summary>
      {children}
    </details>
  );
}

interface WhyProps {
  wide: boolean;
  item: string;
  close: () => void;
  children: ComponentChildren;
}

/** The explanation: a column on wide screens, else a sheet over the list. */
function Why({ wide, item, close, children }: WhyProps) {
  const sheet = useRef<HTMLDialogElement>(null);
  const opener = useRef<Element | null>(null);
  useEffect(() => {
    if (wide) return;
    const dialog = sheet.current;
    opener.current = document.activeElement;
    dialog?.showModal();
    dialog?.querySelector<HTMLElement>("#why")?.focus();
    return () => {
      dialog?.close();
      if (opener.current instanceof HTMLElement) opener.current.focus();
    };
  }, [wide]);
  useEffect(() => {
    if (!wide && sheet.current) sheet.current.scrollTop = 0;
  }, [wide, item]);
  if (wide) {
    return (
      <aside class="panel why" aria-labelledby="why">
        {children}
      </aside>
    );
  }
  return (
    <dialog
      ref={sheet}
      class="why sheet"
      aria-labelledby="why"
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
    >
      <div class="sheet-bar">
        <button type="button" class="button" onClick={close}>
          ← Back to the list
        </button>
      </div>
      {children}
    </dialog>
  );
}

/** Starts a new user from popular items. */
function Compose({ behaviors, navigate }: { behaviors: string[]; navigate: Navigate }) {
  const found = useAnswer("popular", (signal) => api.popular(8, signal));
  const behavior = behaviors.includes("purchase") ? "purchase" : (behaviors.at(-1) ?? "purchase");
  return (
    <section class="panel start" aria-labelledby="compose">
      <h2 id="compose" class="start-title">
        A new user
      </h2>
      <p>
        Add an item that they viewed, carted or bought to see recommendations at once. The model takes the
        events into account without training.
      </p>
      {found.error && <Failure error={found.error} retry={found.retry} />}
      {found.loading && <Skeleton rows={4} label="Loading popular items" />}
      {found.data && found.data.items.length > 0 && (
        <>
          <h3>Start with a popular item</h3>
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

function Start({ navigate }: { navigate: Navigate }) {
  const found = useAnswer("start", (signal) => api.findUsers("", 8, signal));
  return (
    <section class="panel start" aria-labelledby="start">
      <h2 id="start" class="start-title">
        Who are you recommending for?
      </h2>
      <p>
        Choose a user to see the items that they are most likely to buy, and the paths through the graph of
        purchases, carts and views that lead to them.
      </p>
      {found.error && <Failure error={found.error} retry={found.retry} />}
      {found.loading && <Skeleton rows={4} label="Loading users" />}
      {found.data && !found.loading && (
        <>
          <h3>Users with the longest histories</h3>
          <ul class="starters">
            {found.data.users.map((user) => (
              <li key={user.id}>
                <button type="button" class="plain" onClick={() => navigate({ user: user.id })}>
                  <span class="option-title">{user.id}</span>
                  <span class="facts">
                    <span>{text.plural(user.n_items, "item")}</span>
                    <span>{text.count(user.n_bought)} bought</span>
                  </span>
                </button>
              </li>
            ))}
          </ul>
          <p class="quiet">
            {text.plural(found.data.total, "user")} in the graph. Or{" "}
            <button type="button" class="link" onClick={() => navigate({ user: "", events: [] })}>
              compose a new user
            </button>{" "}
            from items.
          </p>
        </>
      )}
    </section>
  );
}
