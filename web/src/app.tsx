/** The frame of the page: header, views, colors and the active model. */
import { Component, type ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import * as api from "./api";
import { type Pending, type Theme, useAnswer, useTheme } from "./hooks";
import { ImageHosts } from "./parts/item";
import { Failure } from "./parts/states";
import { format, type Navigate, type Route, useRoute, type View } from "./route";
import { setCurrency } from "./text";
import type { ModelAnswer } from "./types";
import { EventsView } from "./views/events";
import { GraphView } from "./views/graph";
import { ItemsView } from "./views/items";
import { ModelView } from "./views/model";
import { Recommendations } from "./views/recommendations";
import { ResultsView } from "./views/results";

const VIEWS: { view: View; name: string }[] = [
  { view: "recommendations", name: "Customers" },
  { view: "graph", name: "Graph" },
  { view: "items", name: "Products" },
  { view: "events", name: "Events" },
  { view: "results", name: "Results" },
  { view: "model", name: "Model" },
];

/** The active model. It may be switched while the page is open, which the version of the next answer shows. */
function useModel(): Pending<ModelAnswer> {
  const [version, setVersion] = useState<string | null>(null);
  const [wanted, setWanted] = useState("");
  useEffect(() => api.onVersion(setVersion), []);
  const model = useAnswer(`model ${wanted}`, (signal) => api.model(signal));
  const known = model.data?.model_version;
  useEffect(() => {
    if (known && version && version !== known) setWanted(version);
  }, [known, version]);
  return model;
}

export function App() {
  const [route, navigate] = useRoute();
  const [theme, shownTheme, setTheme] = useTheme();
  const model = useModel();
  const view = VIEWS.find((one) => one.view === route.view);
  useEffect(() => {
    document.title = `${route.user ? `${route.user} · ` : ""}${view?.name ?? ""} · lightgcn`;
  }, [route.user, view]);
  setCurrency(model.data?.currency);
  const down = model.error && !model.data ? model.error : null;
  return (
    <ImageHosts.Provider value={model.data?.image_hosts ?? []}>
      <a class="skip" href="#main">
        Skip to content
      </a>
      <header class="top">
        <span class="brand">
          <Mark />
          lightgcn
        </span>
        <Tabs route={route} navigate={navigate} />
        <div class="top-end">
          {model.data && (
            <span class="version" title={`Model version ${model.data.model_version}`}>
              <span class="unseen">Model version </span>
              {model.data.model_version.slice(0, 8)}
            </span>
          )}
          <ThemeButton theme={theme} shown={shownTheme} choose={setTheme} />
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        <h1 class="unseen">{view?.name}</h1>
        <Guard key={route.view}>
          {down ? (
            <section class="panel">
              <Failure error={down} retry={model.retry} />
            </section>
          ) : route.view === "graph" ? (
            <GraphView route={route} navigate={navigate} model={model.data} />
          ) : route.view === "items" ? (
            <ItemsView route={route} navigate={navigate} />
          ) : route.view === "events" ? (
            <EventsView navigate={navigate} />
          ) : route.view === "results" ? (
            <ResultsView route={route} navigate={navigate} model={model.data} />
          ) : route.view === "model" ? (
            <ModelView answer={model} />
          ) : (
            <Recommendations route={route} navigate={navigate} model={model.data} />
          )}
        </Guard>
      </main>
    </ImageHosts.Provider>
  );
}

/** Shows an error of the page itself instead of an empty page. */
class Guard extends Component<{ children: ComponentChildren }, { error: Error | null }> {
  override state = { error: null as Error | null };

  override componentDidCatch(error: Error) {
    this.setState({ error });
  }

  override render() {
    const { error } = this.state;
    if (error === null) return this.props.children;
    return (
      <section class="panel">
        <Failure error={error} retry={() => location.reload()} />
      </section>
    );
  }
}

function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" />
      <path d="M9 16 22 9M9 16l13 7" />
      <circle cx="9" cy="16" r="4" />
      <circle cx="23" cy="8.5" r="3" />
      <circle cx="23" cy="23.5" r="3" />
    </svg>
  );
}

function Tabs({ route, navigate }: { route: Route; navigate: Navigate }) {
  return (
    <nav class="tabs" aria-label="Views">
      {VIEWS.map(({ view, name }) => (
        <a
          key={view}
          href={format({ ...route, view })}
          aria-current={route.view === view ? "page" : undefined}
          onClick={(event) => {
            if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
            event.preventDefault();
            if (route.view !== view) navigate({ view });
          }}
        >
          {name}
        </a>
      ))}
    </nav>
  );
}

interface ThemeProps {
  theme: Theme;
  shown: "light" | "dark";
  choose: (theme: Theme) => void;
}

function ThemeButton({ theme, shown, choose }: ThemeProps) {
  const other = shown === "dark" ? "light" : "dark";
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  return (
    <button
      type="button"
      class="icon-button theme"
      aria-label={`Use ${other} colors`}
      title={
        theme === "system" ? `Following the system's colors; switch to ${other}` : `Switch to ${other} colors`
      }
      onClick={() => choose(other === system ? "system" : other)}
    >
      <svg viewBox="0 0 24 24" aria-hidden="true">
        {shown === "dark" ? (
          <>
            <circle cx="12" cy="12" r="4.2" />
            <path d="M12 2.5v3M12 18.5v3M2.5 12h3M18.5 12h3M5.3 5.3l2.1 2.1M16.6 16.6l2.1 2.1M18.7 5.3l-2.1 2.1M7.4 16.6l-2.1 2.1" />
          </>
        ) : (
          <path d="M20 14.2A8.3 8.3 0 0 1 9.8 4a8.3 8.3 0 1 0 10.2 10.2Z" />
        )}
      </svg>
    </button>
  );
}
