/** Whom the list is for: a consumer of the shop, or one made up from products. */
import { useState } from "preact/hooks";
import * as api from "../api";
import { type Pending, useAnswer } from "../hooks";
import type { Navigate, Route } from "../route";
import * as text from "../text";
import type { ConsumerAnswer, ContextEvent, HistoryItem } from "../types";
import { Combobox } from "./combobox";
import { Facts, ProductOption } from "./product";
import { Failure, Skeleton } from "./states";

export function ConsumerPicker({ route, navigate }: { route: Route; navigate: Navigate }) {
  const isNew = route.consumer === "";
  return (
    <section class="panel" aria-labelledby="who">
      <h2 id="who">Consumer</h2>
      <fieldset class="segments" aria-label="Kind of consumer">
        <button
          type="button"
          aria-pressed={!isNew}
          onClick={() => isNew && navigate({ consumer: null, events: [], product: null })}
        >
          From the shop
        </button>
        <button
          type="button"
          aria-pressed={isNew}
          onClick={() => !isNew && navigate({ consumer: "", events: [], product: null })}
        >
          Compose new
        </button>
      </fieldset>
      {isNew ? (
        <p class="quiet">Add products below, as if somebody new had dealt with them. Nothing is stored.</p>
      ) : (
        <Combobox
          label="Search a consumer by id"
          hideLabel
          placeholder="Search a consumer by id"
          value={route.consumer ?? ""}
          find={async (q, signal) => {
            const { consumers, total } = await api.findConsumers(q, 20, signal);
            return { options: consumers, total };
          }}
          optionKey={(option) => option.id}
          render={(option) => (
            <span class="option">
              <span class="option-title">{option.id}</span>
              <span class="facts">
                <span>{text.plural(option.n_products, "product")}</span>
                <span>{text.count(option.n_bought)} bought</span>
              </span>
            </span>
          )}
          onPick={(option) => navigate({ consumer: option.id, events: [], product: null })}
          onText={(id) => navigate({ consumer: id, events: [], product: null })}
        />
      )}
    </section>
  );
}

interface EventsProps {
  route: Route;
  navigate: Navigate;
  behaviours: string[];
}

/** What the consumer is supposed to have done since training. */
export function Events({ route, navigate, behaviours }: EventsProps) {
  const isNew = route.consumer === "";
  const usual = behaviours.includes("purchase") ? "purchase" : (behaviours.at(-1) ?? "purchase");
  const [behaviour, setBehaviour] = useState<string | null>(null);
  const change = (events: ContextEvent[]) => navigate({ events, product: null }, false);
  const set = (place: number, part: Partial<ContextEvent>) =>
    change(route.events.map((event, n) => (n === place ? { ...event, ...part } : event)));
  return (
    <section class="panel" aria-labelledby="events">
      <h2 id="events">{isNew ? "Their events" : "What if…"}</h2>
      {!isNew && route.events.length === 0 && (
        <p class="quiet">Add an event to see how it would change the list at once.</p>
      )}
      {route.events.length > 0 && (
        <ul class="events">
          {route.events.map((event, n) => (
            <li key={`${event.product} ${n}`}>
              <select
                aria-label={`Behaviour with product ${event.product}`}
                value={event.behaviour}
                onChange={(e) => set(n, { behaviour: e.currentTarget.value })}
              >
                {[...new Set([...behaviours, event.behaviour])].map((name) => (
                  <option key={name} value={name}>
                    {text.does(name)}
                  </option>
                ))}
              </select>
              <EventProduct id={event.product} />
              <button
                type="button"
                class="icon-button"
                aria-label={`Remove product ${event.product}`}
                onClick={() => change(route.events.filter((_, other) => other !== n))}
              >
                ×
              </button>
            </li>
          ))}
        </ul>
      )}
      <div class="add-event">
        <select
          aria-label="Behaviour of the event to add"
          value={behaviour ?? usual}
          onChange={(e) => setBehaviour(e.currentTarget.value)}
        >
          {(behaviours.length ? behaviours : [usual]).map((name) => (
            <option key={name} value={name}>
              {text.does(name)}
            </option>
          ))}
        </select>
        <Combobox
          label="Product of the event to add"
          hideLabel
          placeholder="a product…"
          find={async (q, signal) => {
            const { products, total } = await api.findProducts(q, 20, signal);
            return { options: products, total };
          }}
          optionKey={(option) => option.product}
          render={(option) => (
            <ProductOption
              product={option.product}
              details={option.details}
              note={text.plural(option.n_consumers, "consumer")}
            />
          )}
          onPick={(option) => {
            names.set(option.product, text.title(option.product, option.details));
            const { product } = option;
            change([...route.events, { product, behaviour: behaviour ?? usual, count: 1 }]);
          }}
        />
      </div>
    </section>
  );
}

/** What products are called that were found before. */
export const names = new Map<string, string>();

function EventProduct({ id }: { id: string }) {
  // An event of a deep link: ask once what the product is called.
  useAnswer(names.has(id) ? null : id, async (signal) => {
    const { products } = await api.findProducts(id, 5, signal);
    const found = products.find((product) => product.product === id);
    names.set(id, found ? text.title(id, found.details) : `Product ${id}`);
  });
  return (
    <span class="event-product" title={`№ ${id}`}>
      {names.get(id) ?? `Product ${id}`}
    </span>
  );
}

const FIRST = 6;

/** What the consumer did, by behaviour. */
export function History({ answer, behaviours }: { answer: Pending<ConsumerAnswer>; behaviours: string[] }) {
  const [behaviour, setBehaviour] = useState<string | null>(null);
  const [all, setAll] = useState(false);
  const { data, error, loading, retry } = answer;
  return (
    <section class="panel" aria-labelledby="history">
      <h2 id="history">History</h2>
      {error && <Failure error={error} retry={retry} />}
      {loading && !data && <Skeleton rows={4} label="Loading the history" />}
      {data && !data.known && data.history.length === 0 && (
        <p class="notice">
          The model does not know this consumer. Products come from what is popular, until there are events.
        </p>
      )}
      {data && (data.known || data.history.length > 0) && (
        <HistoryList
          history={data.history}
          behaviours={behaviours}
          behaviour={behaviour}
          onBehaviour={setBehaviour}
          all={all}
          onAll={setAll}
        />
      )}
    </section>
  );
}

interface ListProps {
  history: HistoryItem[];
  behaviours: string[];
  behaviour: string | null;
  onBehaviour: (behaviour: string | null) => void;
  all: boolean;
  onAll: (all: boolean) => void;
}

function HistoryList({ history, behaviours, behaviour, onBehaviour, all, onAll }: ListProps) {
  const has = (item: HistoryItem, name: string) => item.behaviours.some((b) => b.behaviour === name);
  const present = behaviours.filter((name) => history.some((item) => has(item, name))).reverse();
  const chosen = behaviour !== null && present.includes(behaviour) ? behaviour : null;
  const items = chosen === null ? history : history.filter((item) => has(item, chosen));
  const shown = all ? items : items.slice(0, FIRST);
  if (history.length === 0) return <p class="quiet">No product is left in training.</p>;
  return (
    <>
      <fieldset class="filters" aria-label="Behaviour">
        <button type="button" aria-pressed={chosen === null} onClick={() => onBehaviour(null)}>
          All <span class="n">{text.count(history.length)}</span>
        </button>
        {present.map((name) => (
          <button key={name} type="button" aria-pressed={chosen === name} onClick={() => onBehaviour(name)}>
            {text.upper(text.did(name))}{" "}
            <span class="n">{text.count(history.filter((item) => has(item, name)).length)}</span>
          </button>
        ))}
      </fieldset>
      <ul class="history">
        {shown.map((item) => (
          <li key={item.product} data-bought={item.bought}>
            <span class="history-title">{text.title(item.product, item.details)}</span>
            <Facts
              product={item.product}
              details={{ ...item.details, category_id: null, category_code: null }}
              withPrice
            />
            <span class="history-did">
              {text.doings(item.behaviours)}
              {item.last_time !== null && <span class="nowrap"> · {text.day(item.last_time)}</span>}
            </span>
          </li>
        ))}
      </ul>
      {items.length > FIRST && (
        <button type="button" class="link" aria-expanded={all} onClick={() => onAll(!all)}>
          {all ? "Show fewer" : `Show all ${text.count(items.length)}`}
        </button>
      )}
    </>
  );
}
