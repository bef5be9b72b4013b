/** Placeholders: loading, empty and failed. */
import type { ComponentChildren } from "preact";
import { ApiError } from "../api";

export function Skeleton({ rows, label }: { rows: number; label: string }) {
  return (
    <div class="skeleton" role="status">
      <span class="unseen">{label}</span>
      {Array.from({ length: rows }, (_, n) => (
        <span key={n} class="bone" aria-hidden="true" />
      ))}
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}

const TITLES: Record<string, string> = {
  unreachable: "The service cannot be reached",
  unknown_item: "The model does not know this product",
  private: "This service hides histories",
  unknown_user: "The model does not know this customer",
};

export function Failure({ error, retry }: { error: Error; retry?: () => void }) {
  const api = error instanceof ApiError ? error : null;
  // A retry helps only if the error may be temporary.
  const canRetry = !api || api.unreachable || api.status === 429 || api.status >= 500 || api.status === 200;
  const busy = api && (api.status === 503 || api.status === 429);
  const title = busy
    ? "The service is busy or not ready"
    : api?.unreachable
      ? TITLES.unreachable
      : (TITLES[api?.code ?? ""] ?? "The service could not answer");
  const hint = api?.unreachable ? "Is lightgcn serve running? Your choices are kept." : error.message;
  return (
    <div class="failure" role="alert">
      <p class="empty-title">{title}</p>
      <p>{hint}</p>
      {api && api.issues.length > 0 && (
        <ul>
          {api.issues.map((issue) => (
            <li key={issue}>{issue}</li>
          ))}
        </ul>
      )}
      {retry && canRetry && (
        <button type="button" class="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}
