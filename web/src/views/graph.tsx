/** The graph around a user. */
import { useMemo, useState } from "preact/hooks";
import * as api from "../api";
import { useAnswer } from "../hooks";
import { Slider } from "../parts/slider";
import { Empty, Failure, Skeleton } from "../parts/states";
import { TableScroll } from "../parts/table";
import { UserPicker } from "../parts/user";
import { drawNeighborhood } from "../picture/drawing";
import { thinned, throughNode, withHistory } from "../picture/neighborhood";
import { Picture } from "../picture/picture";
import type { Navigate, Route } from "../route";
import * as text from "../text";
import type { ModelAnswer, Neighborhood } from "../types";
import { useRecommendations } from "./recommendations";

interface Props {
  route: Route;
  navigate: Navigate;
  model: ModelAnswer | null;
}

/** How many items of the list the graph includes. */
const RECOMMENDED = 12;
/** How many groups are drawn: more where more is asked for, as long as the picture can be read. */
const mostGroups = (perItem: number) => Math.min(50, 22 + 4 * perItem);
const small = () => innerWidth < 760;

export function GraphView({ route, navigate, model }: Props) {
  const version = model?.model_version ?? null;
  const [items, setItems] = useState(() => (small() ? 6 : 12));
  const [perItem, setPerItem] = useState(1);
  const [pointed, setPointed] = useState<string | null>(null);
  const [held, setHeld] = useState<string | null>(null);
  const list = useRecommendations(route, version);
  const recommended = useMemo(
    () => (list.data?.items ?? []).slice(0, RECOMMENDED).map((item) => item.item),
    [list.data],
  );
  const hidden = model?.privacy === true;
  const ready = route.user && !hidden && !list.loading && list.data?.user === route.user;
  const key = ready ? JSON.stringify([version, route.user, items, perItem, recommended]) : null;
  const answer = useAnswer(
    key,
    (signal) => api.neighborhood(route.user ?? "", items, perItem, recommended, signal),
    130,
  );
  const set = useMemo(() => new Set(recommended), [recommended]);
  const history = useAnswer(route.user && version && !hidden ? `${version} ${route.user}` : null, (signal) =>
    api.user(route.user ?? "", signal),
  );
  const known = history.data?.user === route.user ? history.data.history : null;
  const data = useMemo(
    () =>
      answer.data && thinned(withHistory(answer.data, known ?? []), set, small() ? 14 : mostGroups(perItem)),
    [answer.data, known, set, perItem],
  );
  const drawing = useMemo(() => data && drawNeighborhood(data, set), [data, set]);
  const node = pointed ?? held;
  const lit = useMemo(() => {
    if (!data || node === null || !data.nodes.some((one) => one.id === node)) return null;
    return throughNode(data, node);
  }, [data, node]);
  const open = (id: string) => {
    const found = data?.nodes.find((one) => one.id === id);
    if (found?.kind === "item" && found.item && set.has(found.item)) {
      navigate({ view: "recommendations", item: found.item });
    } else setHeld(held === id ? null : id);
  };
  const error = list.error ?? answer.error;
  return (
    <div class="columns graph-columns">
      <div class="side">
        <UserPicker route={route} navigate={navigate} />
        {route.user && (
          <section class="panel display" aria-labelledby="reach">
            <h2 id="reach">Display</h2>
            <Slider
              label="Their products"
              hint="How many products of the history to show, those with the highest weight first"
              min={2}
              max={24}
              step={1}
              value={items}
              text={String}
              onChange={setItems}
            />
            <Slider
              label="Other products"
              hint="How many products to show that other customers share with each of them"
              min={0}
              max={8}
              step={1}
              value={perItem}
              text={String}
              onChange={setPerItem}
            />
            <Legend />
          </section>
        )}
      </div>
      <section class="panel neighborhood" aria-labelledby="around">
        <div class="panel-head">
          <h2 id="around">The graph around the customer</h2>
          <p class="quiet">{data && !error && summary(data)}</p>
        </div>
        {hidden && (
          <Empty title="This service hides histories">
            <p>Its setting privacy keeps to itself what customers did.</p>
          </Empty>
        )}
        {!hidden && !route.user && (
          <Empty
            title={route.user === "" ? "A composed customer is not in the graph" : "No customer selected"}
          >
            <p>
              {route.user === ""
                ? "Their list and its paths are under Customers. Choose a customer of the shop to see their neighborhood."
                : "Search for a customer to see the products and groups of customers around them."}
            </p>
          </Empty>
        )}
        {route.user && error && <Failure error={error} retry={list.error ? list.retry : answer.retry} />}
        {route.user && !hidden && !error && !data && <Skeleton rows={9} label="Loading the graph" />}
        {data && !error && data.edges.length === 0 && (
          <Empty title="Nothing around this customer">
            <p>They have no products in training.</p>
          </Empty>
        )}
        {data && !error && data.edges.length > 0 && (
          <>
            <Picture
              drawing={drawing ?? { nodes: [], edges: [] }}
              label={`${summary(data)}; the table below says the same`}
              lit={lit}
              onPoint={setPointed}
              onPick={open}
            />
            <p class="quiet graph-hint">
              Point at a node to highlight its paths; select a recommended product for its explanation. Groups
              have at least 5 customers and no names; the largest are shown.
            </p>
            <EdgeTable graph={data} recommended={set} />
          </>
        )}
      </section>
    </div>
  );
}

function Legend() {
  return (
    <ul class="legend" aria-label="Legend">
      <li data-role="user">The customer</li>
      <li data-role="history">Products of the history</li>
      <li data-role="others">Number of other customers</li>
      <li data-role="target">Recommended products</li>
      <li data-role="other">Other products</li>
    </ul>
  );
}

function summary({ nodes }: Neighborhood): string {
  const n = (kind: string) => nodes.filter((node) => node.kind === kind).length;
  return `${text.plural(n("item"), "product")}, ${text.plural(n("users"), "group")} of other customers`;
}

/** The graph as a table. */
function EdgeTable({ graph, recommended }: { graph: Neighborhood; recommended: ReadonlySet<string> }) {
  const byId = new Map(graph.nodes.map((node) => [node.id, node]));
  const name = (id: string) => {
    const node = byId.get(id);
    if (!node || node.kind === "self") return "Customer";
    if (node.kind === "users") return text.plural(node.count ?? 0, "other customer");
    const item = node.item ?? id;
    const number = text.isNamed(node.details) ? ` (№ ${item})` : "";
    return `${text.title(item, node.details)}${number}${recommended.has(item) ? ", recommended" : ""}`;
  };
  return (
    <details class="table-details">
      <summary>The graph as a table</summary>
      <TableScroll label="Edges of the graph">
        <table>
          <thead>
            <tr>
              <th scope="col">From</th>
              <th scope="col">To</th>
              <th scope="col">By</th>
              <th scope="col" class="number">
                Weight
              </th>
            </tr>
          </thead>
          <tbody>
            {graph.edges.map((edge) => (
              <tr key={`${edge.source} ${edge.target}`}>
                <td>{name(edge.source)}</td>
                <td>{name(edge.target)}</td>
                <td>
                  {edge.behaviors
                    ? text.doings(edge.behaviors)
                    : edge.behavior
                      ? text.did(edge.behavior)
                      : "met"}
                </td>
                <td class="number">{text.score(edge.weight)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </TableScroll>
    </details>
  );
}
