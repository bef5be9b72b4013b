/** The customer that the list is for: one of the shop, or one composed from products. */
import { useState } from "preact/hooks";
import * as api from "../api";
import { type Pending, useAnswer } from "../hooks";
import type { Navigate, Route } from "../route";
import * as text from "../text";
import type { ContextEvent, HistoryItem, UserAnswer } from "../types";
import { Combobox } from "./combobox";
import { Facts, ItemOption } from "./item";
import { Failure, Skeleton } from "./states";

export function UserPicker({ route, navigate }: { route: Route; navigate: Navigate }) {
  const isNew = route.user === "";
  return (
    <section class="panel" aria-labelledby="who">
      <h2 id="who">Customer</h2>
      <fieldset class="segments" aria-label="Kind of customer">
        <button
          type="button"
          aria-pressed={!isNew}
          aria-label="Known customer"
          onClick={() => isNew && navigate({ user: null, events: [], item: null })}
        >
          Known
        </button>
        <button
          type="button"
          aria-pressed={isNew}
          aria-label="New customer"
          onClick={() => !isNew && navigate({ user: "", events: [], item: null })}
        >
          New
        </button>
      </fieldset>
      {isNew ? (
        <p class="quiet">
          Add products below as if a new customer had viewed or bought them. Nothing is stored.
        </p>
      ) : (
        <Combobox
          label="Search for a customer by id"
          hideLabel
          placeholder="Search for a customer by id"
          value={route.user ?? ""}
          find={async (q, signal) => {
            const { users, total } = await api.findUsers(q, 20, signal);
            return { options: users, total };
          }}
          optionKey={(option) => option.id}
          render={(option) => (
            <span class="option">
              <span class="option-title">{option.id}</span>
              <span class="facts">
                <span>{text.plural(option.n_items, "product")}</span>
                <span>{text.count(option.n_bought)} bought</span>
              </span>
            </span>
          )}
          onPick={(option) => navigate({ user: option.id, events: [], item: null })}
          onText={(id) => navigate({ user: id, events: [], item: null })}
        />
      )}
    </section>
  );
}

interface EventsProps {
  route: Route;
  navigate: Navigate;
  behaviors: string[];
}

/** Hypothetical events of the user since training. */
export function Events({ route, navigate, behaviors }: EventsProps) {
  const isNew = route.user === "";
  const usual = behaviors.includes("purchase") ? "purchase" : (behaviors.at(-1) ?? "purchase");
  const [behavior, setBehavior] = useState<string | null>(null);
  const change = (events: ContextEvent[]) => navigate({ events, item: null }, false);
  const set = (place: number, part: Partial<ContextEvent>) =>
    change(route.events.map((event, n) => (n === place ? { ...event, ...part } : event)));
  return (
    <section class="panel" aria-labelledby="events">
      <h2 id="events">{isNew ? "Their events" : "What if…"}</h2>
      {!isNew && route.events.length === 0 && (
        <p class="quiet">Add an event to see how the ranks of the list move.</p>
      )}
      {route.events.length > 0 && (
        <ul class="events">
          {route.events.map((event, n) => (
            <li key={`${event.item} ${n}`}>
              <select
                aria-label={`Behavior with product ${event.item}`}
                value={event.behavior}
                onChange={(e) => set(n, { behavior: e.currentTarget.value })}
              >
                {[...new Set([...behaviors, event.behavior])].map((name) => (
                  <option key={name} value={name}>
                    {text.does(name)}
                  </option>
                ))}
              </select>
              <EventItem id={event.item} />
              <button
                type="button"
                class="icon-button"
                aria-label={`Remove product ${event.item}`}
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
          aria-label="Behavior of the event to add"
          value={behavior ?? usual}
          onChange={(e) => setBehavior(e.currentTarget.value)}
        >
          {(behaviors.length ? behaviors : [usual]).map((name) => (
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
            const { items, total } = await api.findItems(q, 20, signal);
            return { options: items, total };
          }}
          optionKey={(option) => option.item}
          render={(option) => (
            <ItemOption
              item={option.item}
              details={option.details}
              note={text.plural(option.n_users, "customer")}
            />
          )}
          onPick={(option) => {
            names.set(option.item, text.title(option.item, option.details));
            const { item } = option;
            change([...route.events, { item, behavior: behavior ?? usual, count: 1 }]);
          }}
        />
      </div>
    </section>
  );
}

/** The display names of items found so far. */
export const names = new Map<string, string>();

function EventItem({ id }: { id: string }) {
  // An event from a deep link: look up the item's name once.
  useAnswer(names.has(id) ? null : id, async (signal) => {
    const { items } = await api.findItems(id, 5, signal);
    const found = items.find((item) => item.item === id);
    names.set(id, text.title(id, found?.details));
  });
  return (
    <span class="event-item" title={`№ ${id}`}>
      {names.get(id) ?? text.title(id)}
    </span>
  );
}

const FIRST = 6;

interface HistoryProps {
  answer: Pending<UserAnswer>;
  behaviors: string[];
  /** The product whose explanation is shown. */
  shown: string | null;
  onPick: (item: string) => void;
}

/** What the customer did, by behavior. */
export function History({ answer, behaviors, shown, onPick }: HistoryProps) {
  const [behavior, setBehavior] = useState<string | null>(null);
  const [all, setAll] = useState(false);
  const { data, error, loading, retry } = answer;
  return (
    <section class="panel" aria-labelledby="history">
      <h2 id="history">History</h2>
      {error && <Failure error={error} retry={retry} />}
      {loading && !data && <Skeleton rows={4} label="Loading the history" />}
      {data && !data.known && data.history.length === 0 && (
        <p class="notice">
          The model does not know this customer. Until there are events, the list has bestsellers.
        </p>
      )}
      {data && (data.known || data.history.length > 0) && (
        <HistoryList
          history={data.history}
          behaviors={behaviors}
          behavior={behavior}
          onBehavior={setBehavior}
          all={all}
          onAll={setAll}
          shown={shown}
          onPick={onPick}
        />
      )}
    </section>
  );
}

interface ListProps {
  history: HistoryItem[];
  behaviors: string[];
  behavior: string | null;
  onBehavior: (behavior: string | null) => void;
  all: boolean;
  onAll: (all: boolean) => void;
  shown: string | null;
  onPick: (item: string) => void;
}

function HistoryList(props: ListProps) {
  const { history, behaviors, behavior, onBehavior, all, onAll, shown: open, onPick } = props;
  const has = (item: HistoryItem, name: string) => item.behaviors.some((b) => b.behavior === name);
  const present = behaviors.filter((name) => history.some((item) => has(item, name))).reverse();
  const chosen = behavior !== null && present.includes(behavior) ? behavior : null;
  const items = chosen === null ? history : history.filter((item) => has(item, chosen));
  const shown = all ? items : items.slice(0, FIRST);
  if (history.length === 0) return <p class="quiet">This customer has no products in training.</p>;
  return (
    <>
      <fieldset class="filters" aria-label="Behavior">
        <button type="button" aria-pressed={chosen === null} onClick={() => onBehavior(null)}>
          All <span class="n">{text.count(history.length)}</span>
        </button>
        {present.map((name) => (
          <button key={name} type="button" aria-pressed={chosen === name} onClick={() => onBehavior(name)}>
            {text.upper(text.did(name))}{" "}
            <span class="n">{text.count(history.filter((item) => has(item, name)).length)}</span>
          </button>
        ))}
      </fieldset>
      <ul class="history">
        {shown.map((item) => (
          <li key={item.item} data-bought={item.bought}>
            <button
              type="button"
              class="history-row"
              aria-current={item.item === open ? "true" : undefined}
              onClick={() => onPick(item.item)}
            >
              <span class="history-title">{text.title(item.item, item.details)}</span>
              <Facts brief withPrice item={item.item} details={item.details} />
              <span class="history-did">
                {text.doings(item.behaviors)}
                {item.last_time !== null && <span class="nowrap"> · {text.day(item.last_time)}</span>}
              </span>
            </button>
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
