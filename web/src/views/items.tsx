/** The products: search, and what is known of one. */
import * as api from "../api";
import { useAnswer } from "../hooks";
import { Combobox } from "../parts/combobox";
import { Facts, ItemButton, ItemOption, Thumbnail } from "../parts/item";
import { Failure, Skeleton } from "../parts/states";
import { Tile, Tiles } from "../parts/tiles";
import type { Navigate, Route } from "../route";
import * as text from "../text";
import type { Details, ItemAnswer } from "../types";

interface Props {
  route: Route;
  navigate: Navigate;
}

const NEIGHBORS = 8;

export function ItemsView({ route, navigate }: Props) {
  const pick = (item: string) => navigate({ item });
  return (
    <div class="columns unstarted">
      <div class="side">
        <section class="panel" aria-labelledby="find">
          <h2 id="find">Product</h2>
          <Combobox
            label="Search for a product by id, brand or category"
            hideLabel
            placeholder="Id, brand or category"
            value={route.item ?? ""}
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
            onPick={(option) => pick(option.item)}
            onText={pick}
          />
        </section>
      </div>
      <div class="middle">
        {route.item === null ? <Bestsellers onPick={pick} /> : <Item item={route.item} onPick={pick} />}
      </div>
    </div>
  );
}

function Bestsellers({ onPick }: { onPick: (item: string) => void }) {
  const answer = useAnswer("popular", (signal) => api.popular(24, signal));
  return (
    <section class="panel" aria-labelledby="popular">
      <h2 id="popular">Bestsellers</h2>
      {answer.error && <Failure error={answer.error} retry={answer.retry} />}
      {answer.loading && <Skeleton rows={6} label="Loading the bestsellers" />}
      {answer.data && <ItemGrid items={answer.data.items} onPick={onPick} />}
    </section>
  );
}

interface GridProps {
  items: { item: string; details: Details; count?: number }[];
  onPick: (item: string) => void;
}

function ItemGrid({ items, onPick }: GridProps) {
  return (
    <ul class="starters">
      {items.map(({ item, details, count }) => (
        <li key={item}>
          <ItemButton
            brief
            withPrice
            item={item}
            details={details}
            note={count === undefined ? undefined : text.plural(count, "buyer")}
            onPick={onPick}
          />
        </li>
      ))}
    </ul>
  );
}

function Item({ item, onPick }: { item: string; onPick: (item: string) => void }) {
  const answer = useAnswer(item, (signal) => api.item(item, signal));
  const near = useAnswer(item, (signal) => api.similar(item, NEIGHBORS, signal));
  const data = answer.data?.item === item ? answer.data : null;
  if (answer.error) {
    return (
      <section class="panel">
        <Failure error={answer.error} retry={answer.retry} />
      </section>
    );
  }
  return (
    <>
      <section class="panel" aria-labelledby="item">
        {data ? <Known data={data} /> : <Skeleton rows={4} label="Loading the product" />}
      </section>
      {data && data.also_bought.length > 0 && (
        <section class="panel" aria-labelledby="also">
          <h2 id="also">Customers who bought this also bought</h2>
          <ItemGrid items={data.also_bought} onPick={onPick} />
        </section>
      )}
      <section class="panel" aria-labelledby="near">
        <h2 id="near">Similar products</h2>
        <p class="quiet">Those that the model places nearest, bought together or not.</p>
        {near.error && <Failure error={near.error} retry={near.retry} />}
        {near.loading && <Skeleton rows={3} label="Loading similar products" />}
        {near.data && <ItemGrid items={near.data.items} onPick={onPick} />}
      </section>
    </>
  );
}

function Known({ data }: { data: ItemAnswer }) {
  const { item, details, n_users: met, n_bought: bought, behaviors } = data;
  const rate = met > 0 && bought !== null ? bought / met : null;
  return (
    <>
      <div class="why-title">
        <Thumbnail details={details} />
        <h2 id="item" tabIndex={-1}>
          {text.title(item, details)}
        </h2>
      </div>
      <Facts item={item} details={details} />
      <Tiles>
        <Tile name="Customers" value={text.count(met)} note="with any event" />
        {behaviors.map(({ behavior, count }) => (
          <Tile key={behavior} name={text.upper(text.did(behavior))} value={text.count(count)} />
        ))}
        <Tile
          name="Conversion"
          value={rate === null ? "–" : text.percent(rate)}
          note={rate === null ? "too few to tell" : "of these customers"}
        />
        <Tile
          name="Latest price"
          value={typeof details.price === "number" ? text.price(details.price) : "–"}
        />
      </Tiles>
    </>
  );
}
