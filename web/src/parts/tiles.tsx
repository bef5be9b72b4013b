/** A row of figures. */
import type { ComponentChildren } from "preact";

export function Tiles({ children }: { children: ComponentChildren }) {
  return <dl class="facts-grid">{children}</dl>;
}

export function Tile({ name, value, note }: { name: string; value: string; note?: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {value}
        {note && <span class="tile-note">{note}</span>}
      </dd>
    </div>
  );
}
