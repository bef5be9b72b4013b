/** The models in memory: side by side, and which one answers. Needs the admin token, which is kept nowhere. */
import { useState } from "preact/hooks";
import * as api from "../api";
import { metricName } from "../figures";
import * as text from "../text";
import type { LoadedModel } from "../types";
import { Failure } from "./states";
import { TableScroll } from "./table";

export function Models() {
  const [token, setToken] = useState("");
  const [path, setPath] = useState("");
  const [models, setModels] = useState<LoadedModel[] | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const [busy, setBusy] = useState(false);
  const run = async (ask: () => Promise<{ models: LoadedModel[] }>) => {
    setBusy(true);
    try {
      setModels((await ask()).models);
      setError(null);
      // The version of the next answer tells the page that the model changed.
      api.model().catch(() => undefined);
    } catch (cause) {
      setError(cause as Error);
    }
    setBusy(false);
  };
  return (
    <section class="panel" aria-labelledby="models" aria-busy={busy}>
      <h2 id="models">Models in memory</h2>
      <form
        class="inline-form"
        onSubmit={(event) => {
          event.preventDefault();
          run(() => api.models(token));
        }}
      >
        <label class="field">
          <span class="label">Admin token</span>
          <input
            type="password"
            autocomplete="off"
            value={token}
            onInput={(event) => setToken(event.currentTarget.value)}
          />
        </label>
        <button type="submit" class="button" disabled={token === "" || busy}>
          Show models
        </button>
      </form>
      {error && <Failure error={error} />}
      {models && (
        <>
          <ModelTable
            models={models}
            busy={busy}
            activate={(version) => run(() => api.activate(token, version))}
          />
          <form
            class="inline-form"
            onSubmit={(event) => {
              event.preventDefault();
              run(() => api.load(token, path));
            }}
          >
            <label class="field">
              <span class="label">Name of a model in the folder of models</span>
              <input
                type="text"
                autocomplete="off"
                value={path}
                onInput={(event) => setPath(event.currentTarget.value)}
              />
            </label>
            <button type="submit" class="button" disabled={path === "" || busy}>
              Load and switch
            </button>
          </form>
        </>
      )}
    </section>
  );
}

interface TableProps {
  models: LoadedModel[];
  busy: boolean;
  activate: (version: string) => void;
}

/** A figure's name for people, such as "Recall@20 (validation)" of `validation recall@20`. */
function figureName(key: string): string {
  const [part, metric] = key.split(" ");
  return metric ? `${metricName(metric)} (${part})` : key;
}

function ModelTable({ models, busy, activate }: TableProps) {
  const keys = [...new Set(models.flatMap((model) => Object.keys(model.figures ?? {})))]
    .filter((key) => /^(validation|test) (recall|ndcg)@20$/.test(key))
    .sort()
    .slice(0, 4);
  return (
    <TableScroll label="Models in memory">
      <table>
        <thead>
          <tr>
            <th scope="col">Version</th>
            <th scope="col">Knows events until</th>
            <th scope="col" class="number">
              Customers
            </th>
            <th scope="col" class="number">
              Products
            </th>
            {keys.map((key) => (
              <th key={key} scope="col" class="number">
                {figureName(key)}
              </th>
            ))}
            <th scope="col">Answers</th>
          </tr>
        </thead>
        <tbody>
          {models.map((model) => (
            <tr key={model.version} class={model.active ? "main" : ""}>
              <th scope="row" class="mono" title={model.path ?? undefined}>
                {model.version}
              </th>
              <td>{typeof model.trained_until === "number" ? text.day(model.trained_until) : "–"}</td>
              <td class="number">{text.count(model.n_users)}</td>
              <td class="number">{text.count(model.n_items)}</td>
              {keys.map((key) => (
                <td key={key} class="number">
                  {model.figures?.[key]?.toFixed(4) ?? "–"}
                </td>
              ))}
              <td>
                {model.active ? (
                  "now"
                ) : (
                  <button
                    type="button"
                    class="button"
                    disabled={busy}
                    aria-label={`Switch to ${model.version}`}
                    onClick={() => activate(model.version)}
                  >
                    Switch
                  </button>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableScroll>
  );
}
