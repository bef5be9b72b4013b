/** Waiting for answers: debounced, with stale ones dropped. */
import { useEffect, useRef, useState } from "preact/hooks";

export interface Pending<T> {
  /** The latest answer; it stays while the next one is awaited. */
  data: T | null;
  error: Error | null;
  loading: boolean;
  retry: () => void;
}

/**
 * Asks whenever `key` changes, after `delay` milliseconds of rest. A question that was overtaken is aborted and
 * its answer never shown. A null key asks nothing.
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

/** `value`, once it has rested for `delay` milliseconds. */
export function useRested<T>(value: T, delay: number): T {
  const [rested, setRested] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setRested(value), delay);
    return () => clearTimeout(timer);
  }, [value, delay]);
  return rested;
}

/** Whether a media query holds, and again when that changes. */
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

/** The colors: the system's, unless this browser was told otherwise. */
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
      // A browser that keeps nothing still shows the colors now.
    }
    setTheme(next);
  };
  return [theme, shown, choose];
}
