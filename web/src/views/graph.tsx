/** The graph around a consumer. */
import { useMemo, useState } from "preact/hooks";
import * as api from "../api";
import { GraphCanvas } from "../graph/canvas";
import { drawNeighbourhood, thinned, throughNode } from "../graph/drawing";
import { useAnswer } from "../hooks";
import { ConsumerPicker } from "../parts/consumer";
import { Slider } from "../parts/slider";
import { Empty, Failure, Skeleton } from "../parts/states";
import { TableScroll } from "../parts/table";
import type { Navigate, Route } from "../route";
import * as text from "../text";
import type { ModelAnswer, Neighbourhood } from "../types";
import { useRecommendations } from "./recommendations";

interface Props {
  route: Route;
  navigate: Navigate;
  model: ModelAnswer | null;
  theme: string;
}

/** How many of the list's products the graph asks for. */
const RECOMMENDED = 12;
const small = () => innerWidth < 760;

export function GraphView({ route, navigate, model, theme }: Props) {
  const version = model?.model_version ?? null;
  const [products, setProducts] = useState(() => (small() ? 6 : 12));
  const [perProduct, setPerProduct] = useState(1);
  const [pointed, setPointed] = useState<string | null>(null);
  const [held, setHeld] = useState<string | null>(null);
  const list = useRecommendations(route, version);
  const recommended = useMemo(
    () => (list.data?.items ?? []).slice(0, RECOMMENDED).map((item) => item.product),
    [list.data],
  );
  const ready = route.consumer && !list.loading && list.data?.consumer === route.consumer;
  const key = ready ? JSON.stringify([version, route.consumer, products, perProduct, recommended]) : null;
  const answer = useAnswer(
    key,
    (signal) => api.neighbourhood(route.consumer ?? "", products, perProduct, recommended, signal),
    130,
  );
  const set = useMemo(() => new Set(recommended), [recommended]);
  const data = useMemo(() => answer.data && thinned(answer.data, set, small() ? 14 : 26), [answer.data, set]);
  const node = pointed ?? held;
  const lit = useMemo(() => {
    if (!data || node === null || !data.nodes.some((one) => one.id === node)) return null;
    return throughNode(data, node);
  }, [data, node]);
  const open = (id: string) => {
    const found = data?.nodes.find((one) => one.id === id);
    if (found?.kind === "product" && found.product && set.has(found.product)) {
      navigate({ view: "recommendations", product: found.product });
    } else setHeld(held === id ? null : id);
  };
  const error = list.error ?? answer.error;
  return (
    <div class="columns graph-columns">
      <div class="side">
        <ConsumerPicker route={route} navigate={navigate} />
        {route.consumer && (
          <section class="panel" aria-labelledby="reach">
            <h2 id="reach">Shown</h2>
            <Slider
              label="Own products"
              hint="How many products of the history are shown, the heaviest first"
              min={2}
              max={24}
              step={1}
              value={products}
              text={String}
              onChange={setProducts}
            />
            <Slider
              label="Other products"
              hint="How many products that were met together with each of them are shown"
              min={0}
              max={8}
              step={1}
              value={perProduct}
              text={String}
              onChange={setPerProduct}
            />
            <Legend />
          </section>
        )}
      </div>
      <section class="panel neighbourhood" aria-labelledby="around">
        <div class="panel-head">
          <h2 id="around">The graph around the consumer</h2>
          <p class="quiet">{data && !error && summary(data)}</p>
        </div>
        {!route.consumer && (
          <Empty
            title={route.consumer === "" ? "A composed consumer stands in no graph" : "No consumer is picked"}
          >
            <p>
              {route.consumer === ""
                ? "Their list and its paths are under Recommendations. Pick somebody of the shop to see a neighbourhood."
                : "Search one, and the products and groups of consumers around them appear here."}
            </p>
          </Empty>
        )}
        {route.consumer && error && <Failure error={error} retry={list.error ? list.retry : answer.retry} />}
        {route.consumer && !error && !data && <Skeleton rows={9} label="Loading the graph" />}
        {data && !error && data.edges.length === 0 && (
          <Empty title="Nothing is around this consumer">
            <p>No product of their history is left in training.</p>
          </Empty>
        )}
        {data && !error && data.edges.length > 0 && (
          <>
            <GraphCanvas
              movable
              graph={data}
              label={`${summary(data)}; the table below says the same`}
              draw={(box) => drawNeighbourhood(data, set, box)}
              lit={lit}
              theme={theme}
              onEnter={setPointed}
              onClick={open}
            />
            <p class="quiet graph-hint">
              Point at a node to light its ways; click a recommended product for its explanation. Drag to
              move, Ctrl and the wheel to zoom. Groups are shown from 5 consumers on, never by name, the
              largest first.
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
      <li data-role="consumer">The consumer</li>
      <li data-role="history">Products of the history</li>
      <li data-role="others">Other consumers: how many</li>
      <li data-role="target">Recommended products</li>
      <li data-role="other">Other products</li>
    </ul>
  );
}

function summary({ nodes }: Neighbourhood): string {
  const n = (kind: string) => nodes.filter((node) => node.kind === kind).length;
  return `${text.plural(n("product"), "product")}, ${text.plural(n("consumers"), "group")} of other consumers`;
}

/** The same as a table. */
function EdgeTable({ graph, recommended }: { graph: Neighbourhood; recommended: ReadonlySet<string> }) {
  const byId = new Map(graph.nodes.map((node) => [node.id, node]));
  const name = (id: string) => {
    const node = byId.get(id);
    if (!node || node.kind === "self") return "Consumer";
    if (node.kind === "consumers") return text.plural(node.count ?? 0, "other consumer");
    const product = node.product ?? id;
    return `${text.title(product, node.details)} (№ ${product})${recommended.has(product) ? ", recommended" : ""}`;
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
                <td>{edge.behaviour ? text.did(edge.behaviour) : "–"}</td>
                <td class="number">{text.score(edge.weight)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </TableScroll>
    </details>
  );
}
