/** The main view: a user, the list, and the explanation of an item. */
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import * as api from "../api";
import { type Pending, useAnswer, useDebounced, useMedia } from "../hooks";
import { Controls } from "../parts/controls";
import { ExplanationView } from "../parts/explanation";
import { ItemList, type Met } from "../parts/list";
import { Empty, Skeleton } from "../parts/states";
import { Events, History, UserPicker } from "../parts/user";
import { DEFAULTS, type Navigate, type Route } from "../route";
import type { Answer, BehaviorCount, Explanation, ModelAnswer, RecommendRequest, UserAnswer } from "../types";
import { Compose, Start } from "./start";

interface Props {
  route: Route;
  navigate: Navigate;
  model: ModelAnswer | null;
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

/** The list without the added events, to compare with. */
const COMPARED = 100;

function useBefore(route: Route, version: string | null): ReadonlyMap<string, number> | null {
  const asked = route.user && route.events.length > 0;
  const request = requestOf({ ...route, events: [], k: Math.max(route.k, COMPARED) });
  const key = asked && version ? `${version} ${JSON.stringify(request)}` : null;
  const answer = useAnswer(key, (signal) => api.recommend(request, signal), 130);
  return useMemo(
    () => answer.data && new Map(answer.data.items.map(({ item, rank }) => [item, rank])),
    [answer.data],
  );
}

/** What the customer did with each product, in training, since, and by the added events. */
function metOf(history: UserAnswer | null, route: Route): Met {
  const met = new Map<string, BehaviorCount[]>();
  for (const { item, behaviors } of history?.user === route.user ? history.history : [])
    met.set(item, behaviors);
  for (const { item, behavior, count = 1 } of route.events) {
    const known = met.get(item) ?? [];
    const before = known.find((one) => one.behavior === behavior)?.count ?? 0;
    const others = known.filter((one) => one.behavior !== behavior);
    met.set(item, [...others, { behavior, count: before + count }]);
  }
  return met;
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

export function Recommendations({ route, navigate, model }: Props) {
  const version = model?.model_version ?? null;
  const wide = useMedia("(min-width: 1200px)");
  const narrow = useMedia("(max-width: 759px)");
  // The item under the pointer counts until another one is chosen.
  const place = JSON.stringify([route.user, route.item]);
  const [pointed, setPointed] = useState<{ item: string; place: string } | null>(null);
  const settled = useDebounced(pointed, 110);
  const pointing = settled?.place === place ? settled.item : null;
  const point = (item: string | null) =>
    setPointed((old) => {
      if (item === null) return null;
      return old?.item === item && old.place === place ? old : { item, place };
    });
  const answer = useRecommendations(route, version);
  const isTold = model?.privacy !== true;
  const history = useAnswer(route.user && version && isTold ? `${version} ${route.user}` : null, (signal) =>
    api.user(route.user ?? "", signal),
  );
  const before = useBefore(route, version);
  const met = useMemo(() => metOf(history.data, route), [history.data, route]);
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
  const past = route.user && isTold && (
    <History
      answer={history}
      behaviors={behaviors}
      shown={shown}
      onPick={(item) => navigate({ item }, item !== route.item)}
    />
  );
  const middle = asked ? (
    <ItemList
      route={route}
      answer={answer}
      met={met}
      before={before}
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
    <Start navigate={navigate} model={model} />
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
            <Empty title="Why this product?">
              <p>Point at a product to see what makes up its score and the paths that lead to it.</p>
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
            met={met.get(shown) ?? []}
            onPick={(item) => navigate({ item })}
            onOpen={(item) => navigate({ view: "items", item })}
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
