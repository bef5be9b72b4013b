/** Calls the service. Every failure becomes an {@link ApiError} with a message for people. */
import type {
  Answer,
  ContextEvent,
  Explanation,
  FoundItem,
  FoundUser,
  ItemAnswer,
  LoadedModel,
  ModelAnswer,
  Neighborhood,
  Outcomes,
  RecentEvents,
  RecommendedItem,
  RecommendRequest,
  UserAnswer,
} from "./types";

export class ApiError extends Error {
  constructor(
    /** The HTTP status; 0 if the service could not be reached. */
    readonly status: number,
    readonly code: string,
    message: string,
    readonly issues: string[] = [],
  ) {
    super(message);
  }

  get unreachable(): boolean {
    return this.status === 0 || this.status === 502 || this.status === 504;
  }
}

type VersionListener = (version: string) => void;
const versionListeners = new Set<VersionListener>();

/** Calls `listener` with the model version of every answer. Returns a function that unsubscribes it. */
export function onVersion(listener: VersionListener): () => void {
  versionListeners.add(listener);
  return () => versionListeners.delete(listener);
}

async function failure(response: Response): Promise<ApiError> {
  try {
    const { error } = await response.json();
    const issues = Array.isArray(error.issues) ? error.issues.map(String) : [];
    return new ApiError(response.status, String(error.code), String(error.message), issues);
  } catch {
    return new ApiError(response.status, "http", `The service answered with status ${response.status}.`);
  }
}

async function ask<T>(path: string, signal?: AbortSignal, body?: unknown, token?: string): Promise<T> {
  const url = new URL(path, document.baseURI);
  let response: Response;
  try {
    response = await fetch(url, {
      signal,
      headers: {
        accept: "application/json",
        // Nobody in the shop sees the lists of this page, so they must not count as shown.
        "x-not-shown": "page",
        ...(body ? { "content-type": "application/json" } : {}),
        ...(token ? { authorization: `Bearer ${token}` } : {}),
      },
      ...(body ? { method: "POST", body: JSON.stringify(body) } : {}),
    });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ApiError(0, "unreachable", "The service cannot be reached.");
  }
  if (!response.ok) throw await failure(response);
  const version = response.headers.get("x-model-version");
  if (version) for (const listener of versionListeners) listener(version);
  try {
    return (await response.json()) as T;
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ApiError(response.status, "unreadable", "The service sent an answer that cannot be read.");
  }
}

const id = encodeURIComponent;

export const recommend = (request: RecommendRequest, signal?: AbortSignal) =>
  ask<Answer>("v1/recommendations", signal, request);

export const explain = (user: string, item: string, events: ContextEvent[], signal?: AbortSignal) =>
  ask<Explanation>("v1/explanations", signal, {
    user,
    item,
    events,
    options: { limit: 5, max_hops: 5 },
  });

export const user = (name: string, signal?: AbortSignal) => ask<UserAnswer>(`v1/users/${id(name)}`, signal);

export const findUsers = (q: string, limit: number, signal?: AbortSignal) =>
  ask<{ users: FoundUser[]; total: number }>(`v1/users?q=${id(q)}&limit=${limit}`, signal);

export const findItems = (q: string, limit: number, signal?: AbortSignal) =>
  ask<{ items: FoundItem[]; total: number }>(`v1/items?q=${id(q)}&limit=${limit}`, signal);

export const item = (name: string, signal?: AbortSignal) => ask<ItemAnswer>(`v1/items/${id(name)}`, signal);

export const similar = (item: string, k: number, signal?: AbortSignal) =>
  ask<{ items: RecommendedItem[] }>(`v1/similar/${id(item)}?k=${k}`, signal);

export const popular = (k: number, signal?: AbortSignal) =>
  ask<{ items: RecommendedItem[] }>(`v1/popular?k=${k}`, signal);

export const neighborhood = (
  name: string,
  items: number,
  perItem: number,
  recommended: string[],
  signal?: AbortSignal,
) => {
  // Commas separate the ids, so an id with a comma cannot be sent.
  const list = id(recommended.filter((item) => !item.includes(",")).join(","));
  const query = `items=${items}&per_item=${perItem}&recommended=${list}`;
  return ask<Neighborhood>(`v1/graph/${id(name)}?${query}`, signal);
};

export const model = (signal?: AbortSignal) => ask<ModelAnswer>("v1/model", signal);

export const recentEvents = (signal?: AbortSignal) => ask<RecentEvents>("v1/events", signal);

export const outcomes = (days: number, signal?: AbortSignal) =>
  ask<Outcomes>(`v1/outcomes?days=${days}`, signal);

type Models = { models: LoadedModel[] };

export const models = (token: string) => ask<Models>("admin/models", undefined, undefined, token);

export const load = (token: string, path: string) => ask<Models>("admin/models", undefined, { path }, token);

export const activate = (token: string, version: string) =>
  ask<Models>(`admin/models/${id(version)}/activate`, undefined, {}, token);
