/** Hooks for requests, which are debounced, with stale answers dropped, and for the color theme. */
import { useEffect, useRef, useState } from "preact/hooks";

export interface Pending<T> {
  /** The latest answer; it stays while the next one is loading. */
  data: T | null;
  error: Error | null;
  loading: boolean;
  retry: () => void;
}

/**
 * Sends a request whenever `key` changes, once it has been stable for `delay` milliseconds. A superseded request is
 * aborted and its answer never shown. A null key sends nothing.
 */
export function useAnswer<T>(
  key: string | null,
  ask: (signal: AbortSignal) => Promise<T>,
  delay = 0,
): Pending<T> {
  const [state, setState] = useState<{ key: string | null; data: T | null; error: Error | null }>({
    key: null,
    data: null,
    error: null,
  });
  const [attempt, setAttempt] = useState(0);
  const latest = useRef(ask);
  latest.current = ask;
  useEffect(() => {
    if (key === null) {
      setState({ key: null, data: null, error: null });
      return;
    }
    const abort = new AbortController();
    const timer = setTimeout(async () => {
      try {
        const data = await latest.current(abort.signal);
        if (!abort.signal.aborted) setState({ key, data, error: null });
      } catch (error) {
        if (!abort.signal.aborted) setState({ key, data: null, error: error as Error });
      }
    }, delay);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [key, attempt, delay]);
  const retry = () => {
    setState((old) => ({ ...old, key: null, error: null }));
    setAttempt((n) => n + 1);
  };
  return {
    data: key === null ? null : state.data,
    error: state.error,
    loading: key !== null && state.key !== key,
    retry,
  };
}

/** `value`, once it has been stable for `delay` milliseconds. */
export function useDebounced<T>(value: T, delay: number): T {
  const [stable, setStable] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setStable(value), delay);
    return () => clearTimeout(timer);
  }, [value, delay]);
  return stable;
}

/** Whether a media query matches; updates when that changes. */
export function useMedia(query: string): boolean {
  const [matches, setMatches] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const list = matchMedia(query);
    const change = () => setMatches(list.matches);
    change();
    list.addEventListener("change", change);
    return () => list.removeEventListener("change", change);
  }, [query]);
  return matches;
}

export type Theme = "system" | "light" | "dark";

/** The color theme: the system's, unless another was chosen in this browser. */
export function useTheme(): [Theme, "light" | "dark", (theme: Theme) => void] {
  const [theme, setTheme] = useState<Theme>(() => {
    try {
      const kept = localStorage.getItem("theme");
      return kept === "light" || kept === "dark" ? kept : "system";
    } catch {
      return "system";
    }
  });
  const systemDark = useMedia("(prefers-color-scheme: dark)");
  const shown = theme === "system" ? (systemDark ? "dark" : "light") : theme;
  document.documentElement.dataset.theme = shown;
  const choose = (next: Theme) => {
    try {
      if (next === "system") localStorage.removeItem("theme");
      else localStorage.setItem("theme", next);
    } catch {
      // Without storage the choice lasts until the page is reloaded.
    }
    setTheme(next);
  };
  return [theme, shown, choose];
}
