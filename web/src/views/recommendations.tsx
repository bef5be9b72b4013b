/** The main view: a consumer, the list, and why a product stands in it. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import * as api from "../api";
import { type Pending, useAnswer, useMedia, useRested } from "../hooks";
import { ConsumerPicker, Events, History, names } from "../parts/consumer";
import { Controls } from "../parts/controls";
import { ExplanationView } from "../parts/explanation";
import { ProductList } from "../parts/list";
import { ProductOption } from "../parts/product";
import { Empty, Failure, Skeleton } from "../parts/states";
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
    consumer: route.consumer ?? "",
    events: route.events,
    options: {
      k: route.k,
      hide: route.hide,
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

/** The list for a route by a version of the model, asked for again whenever something that it depends on rests. */
export function useRecommendations(route: Route, version: string | null): Pending<Answer> {
  const request = requestOf(route);
  const ask =
    version !== null && route.consumer !== null && (route.consumer !== "" || route.events.length > 0);
  const key = ask ? `${version} ${JSON.stringify(request)}` : null;
  return useAnswer(key, (signal) => api.recommend(request, signal), 130);
}

/** Explanations that were asked for lately, so that pointing along a list does not ask again. */
const kept = new Map<string, Explanation>();
const MOST_KEPT = 200;

async function explained(
  key: string,
  route: Route,
  product: string,
  signal: AbortSignal,
): Promise<Explanation> {
  const known = kept.get(key);
  if (known) return known;
  const answer = await api.explain(route.consumer ?? "", product, route.events, signal);
  if (kept.size >= MOST_KEPT) kept.delete(kept.keys().next().value ?? "");
  kept.set(key, answer);
  return answer;
}

export function Recommendations({ route, navigate, model, theme }: Props) {
  const version = model?.model_version ?? null;
  const wide = useMedia("(min-width: 1200px)");
  const narrow = useMedia("(max-width: 759px)");
  // What is pointed at counts until another product is picked, here or beside the list.
  const place = JSON.stringify([route.consumer, route.product]);
  const [pointed, setPointed] = useState<{ product: string; place: string } | null>(null);
  const rested = useRested(pointed, 110);
  const pointing = rested?.place === place ? rested.product : null;
  const point = (product: string | null) => setPointed(product === null ? null : { product, place });
  const answer = useRecommendations(route, version);
  const history = useAnswer(route.consumer && version ? `${version} ${route.consumer}` : null, (signal) =>
    api.consumer(route.consumer ?? "", signal),
  );
  const items = answer.data?.consumer === route.consumer ? answer.data.items : [];
  const pick = wide ? (pointing ?? route.product ?? items[0]?.product ?? null) : route.product;
  const shown = route.consumer === null ? null : pick;
  const key =
    shown === null || version === null
      ? null
      : `${version} ${JSON.stringify([route.consumer, route.events, shown])}`;
  const why = useAnswer(key, (signal) => explained(key ?? "", route, shown ?? "", signal));
  const item = items.find((one) => one.product === shown) ?? null;

  const started = route.consumer !== null;
  const asked = started && (route.consumer !== "" || route.events.length > 0);
  const behaviours = model?.behaviours ?? [];
  const picker = <ConsumerPicker route={route} navigate={navigate} />;
  const events = started && <Events route={route} navigate={navigate} behaviours={behaviours} />;
  const controls = started && <Controls route={route} navigate={navigate} model={model} />;
  const past = route.consumer && <History answer={history} behaviours={behaviours} />;
  const middle = asked ? (
    <ProductList
      route={route}
      answer={answer}
      shown={shown}
      onPoint={wide ? point : () => undefined}
      onPick={(product) => navigate({ product }, product !== route.product)}
      onReset={() =>
        navigate({ categories: [], brands: [], priceMin: null, priceMax: null, hide: DEFAULTS.hide }, false)
      }
    />
  ) : started ? (
    <Compose behaviours={behaviours} navigate={navigate} />
  ) : (
    <Start navigate={navigate} />
  );
  return (
    <div class={`columns ${asked ? "" : "unstarted"}`}>
      {narrow ? (
        <div class="middle">
          {picker}
          {route.consumer === "" ? events : events && <Folded name="What if…">{events}</Folded>}
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
            <Empty title="Why a product?">
              <p>
                Point at a product of the list to see what makes its score, and the paths that lead to it.
              </p>
            </Empty>
          )}
        </aside>
      )}
      {shown !== null && (
        <Why wide={wide} product={shown} close={() => navigate({ product: null })}>
          <ExplanationView
            product={shown}
            answer={why}
            item={item}
            theme={theme}
            onPick={(product) => navigate({ product })}
          />
        </Why>
      )}
    </div>
  );
}

/** On a phone, what is seldom changed takes one line. */
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
  product: string;
  close: () => void;
  children: ComponentChildren;
}

/** A column of its own where there is room, else a sheet over the list. */
function Why({ wide, product, close, children }: WhyProps) {
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
  }, [wide, product]);
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

/** Begins a new consumer by products that many bought. */
function Compose({ behaviours, navigate }: { behaviours: string[]; navigate: Navigate }) {
  const found = useAnswer("popular", (signal) => api.popular(8, signal));
  const behaviour = behaviours.includes("purchase") ? "purchase" : (behaviours.at(-1) ?? "purchase");
  return (
    <section class="panel start" aria-labelledby="compose">
      <h2 id="compose" class="start-title">
        Somebody new
      </h2>
      <p>
        Add a product that they viewed, carted or bought, and the list appears here at once: the model folds
        the events in without training.
      </p>
      {found.error && <Failure error={found.error} retry={found.retry} />}
      {found.loading && <Skeleton rows={4} label="Loading popular products" />}
      {found.data && found.data.items.length > 0 && (
        <>
          <h3>Begin with one that many bought</h3>
          <ul class="starters">
            {found.data.items.map(({ product, details }) => (
              <li key={product}>
                <button
                  type="button"
                  class="plain"
                  onClick={() => {
                    names.set(product, text.title(product, details));
                    navigate({ events: [{ product, behaviour, count: 1 }] }, false);
                  }}
                >
                  <ProductOption product={product} details={details} />
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
  const found = useAnswer("start", (signal) => api.findConsumers("", 8, signal));
  return (
    <section class="panel start" aria-labelledby="start">
      <h2 id="start" class="start-title">
        Whom shall we recommend to?
      </h2>
      <p>
        Pick a consumer to see the products that they are likeliest to buy, and the ways through the graph of
        purchases, carts and views that lead there.
      </p>
      {found.error && <Failure error={found.error} retry={found.retry} />}
      {found.loading && <Skeleton rows={4} label="Loading consumers" />}
      {found.data && !found.loading && (
        <>
          <h3>With the longest histories</h3>
          <ul class="starters">
            {found.data.consumers.map((consumer) => (
              <li key={consumer.id}>
                <button type="button" class="plain" onClick={() => navigate({ consumer: consumer.id })}>
                  <span class="option-title">{consumer.id}</span>
                  <span class="facts">
                    <span>{text.plural(consumer.n_products, "product")}</span>
                    <span>{text.count(consumer.n_bought)} bought</span>
                  </span>
                </button>
              </li>
            ))}
          </ul>
          <p class="quiet">
            {text.plural(found.data.total, "consumer")} in the graph. Or{" "}
            <button type="button" class="link" onClick={() => navigate({ consumer: "", events: [] })}>
              compose somebody new
            </button>{" "}
            from products.
          </p>
        </>
      )}
    </section>
  );
}
