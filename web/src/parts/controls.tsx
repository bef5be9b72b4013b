/** Options and filters of the list; they take effect at once. */
import { useEffect, useState } from "preact/hooks";
import { DEFAULTS, MAX_K, type Navigate, type Route } from "../route";
import * as text from "../text";
import type { Familiarity, Hide, ModelAnswer } from "../types";
import { Combobox } from "./combobox";
import { Slider } from "./slider";

interface Props {
  route: Route;
  navigate: Navigate;
  model: ModelAnswer | null;
}

const SHOW: { value: Familiarity; label: string }[] = [
  { value: "any", label: "All" },
  { value: "new", label: "New to them" },
  { value: "familiar", label: "Familiar" },
];

const HIDE: { value: Hide; label: string }[] = [
  { value: "bought", label: "Bought" },
  { value: "seen", label: "Seen" },
  { value: "nothing", label: "Nothing" },
];

const percent = (value: number) => `${Math.round(100 * value)}%`;

export function Controls({ route, navigate, model }: Props) {
  const tune = (change: Partial<Route>) => navigate(change, false);
  const filtered =
    route.categories.length + route.brands.length > 0 || route.priceMin !== null || route.priceMax !== null;
  const usual = (["k", "diversity", "exploration", "revenue", "hide", "familiarity"] as const).every(
    (key) => route[key] === DEFAULTS[key],
  );
  return (
    <section class="panel controls" aria-labelledby="controls">
      <div class="panel-head">
        <h2 id="controls">List and filters</h2>
        <span class="chips">
          {route.exploration > 0 && (
            <button type="button" class="link" onClick={() => tune({ seed: route.seed + 1 })}>
              Draw again
            </button>
          )}
          {(filtered || !usual) && (
            <button
              type="button"
              class="link"
              onClick={() =>
                tune({
                  ...DEFAULTS,
                  view: route.view,
                  user: route.user,
                  events: route.events,
                  item: route.item,
                })
              }
            >
              Reset
            </button>
          )}
        </span>
      </div>
      <div class="controls-grid">
        <Slider
          label="Products"
          hint="The maximum length of the list (k)"
          min={5}
          max={MAX_K}
          step={5}
          value={route.k}
          text={String}
          onChange={(k) => tune({ k })}
        />
        <Slider
          label="Diversity"
          hint="0% ranks by score alone; higher values prefer products that differ from those above them"
          min={0}
          max={1}
          step={0.05}
          value={route.diversity}
          text={percent}
          onChange={(diversity) => tune({ diversity })}
        />
        <Slider
          label="Exploration"
          hint="The probability that a place goes to a random product"
          min={0}
          max={1}
          step={0.05}
          value={route.exploration}
          text={percent}
          onChange={(exploration) => tune({ exploration })}
        />
        <Slider
          label="Revenue"
          hint="How much the expected revenue counts, compared with the model's score"
          min={0}
          max={1}
          step={0.05}
          value={route.revenue}
          text={percent}
          onChange={(revenue) => tune({ revenue })}
        />
        <Select label="Hide" options={HIDE} value={route.hide} onChange={(hide) => tune({ hide })} />
        <Select
          label="Show"
          options={SHOW}
          value={route.familiarity}
          onChange={(familiarity) => tune({ familiarity })}
        />
        <Labels
          kind="Category"
          none="The products of this model have no categories"
          labels={model?.categories ?? null}
          chosen={route.categories}
          name={text.categoryPath}
          onChange={(categories) => tune({ categories })}
        />
        <Labels
          kind="Brand"
          none="The products of this model have no brands"
          labels={model?.brands ?? null}
          chosen={route.brands}
          name={(brand) => brand}
          onChange={(brands) => tune({ brands })}
        />
        <Prices route={route} tune={tune} model={model} />
      </div>
    </section>
  );
}

interface SelectProps<T extends string> {
  label: string;
  options: { value: T; label: string }[];
  value: T;
  onChange: (value: T) => void;
}

function Select<T extends string>({ label, options, value, onChange }: SelectProps<T>) {
  return (
    <label class="field">
      <span class="label">{label}</span>
      <select value={value} onChange={(event) => onChange(event.currentTarget.value as T)}>
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
    </label>
  );
}

interface LabelsProps {
  kind: string;
  none: string;
  labels: string[] | null;
  chosen: string[];
  name: (label: string) => string;
  onChange: (labels: string[]) => void;
}

function Labels({ kind, none, labels, chosen, name, onChange }: LabelsProps) {
  const add = (label: string) => !chosen.includes(label) && onChange([...chosen, label]);
  if (labels !== null && labels.length === 0 && chosen.length === 0) {
    return (
      <div class="field">
        <span class="label">{kind}</span>
        <p class="quiet">{none}.</p>
      </div>
    );
  }
  return (
    <div class="field">
      <Combobox
        label={kind}
        placeholder={chosen.length ? "Add another" : "Any"}
        find={async (q) => {
          const needle = q.toLowerCase();
          const all = withParents(labels ?? [], kind);
          const found = all.filter((label) => `${label} ${name(label)}`.toLowerCase().includes(needle));
          return { options: found.slice(0, 50), total: found.length };
        }}
        optionKey={(label) => label}
        render={(label) => <span class="option">{name(label)}</span>}
        onPick={add}
        onText={add}
      />
      {chosen.length > 0 && (
        <ul class="tokens" aria-label={`Selected: ${kind}`}>
          {chosen.map((label) => (
            <li key={label}>
              <span title={label}>{name(label)}</span>
              <button
                type="button"
                class="icon-button"
                aria-label={`Remove ${label}`}
                onClick={() => onChange(chosen.filter((other) => other !== label))}
              >
                ×
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** Category codes with all of their parents. */
function withParents(labels: string[], kind: string): string[] {
  if (kind !== "Category") return labels;
  const all = new Set<string>();
  for (const label of labels) {
    const parts = label.split(".");
    for (let n = 1; n < parts.length; n++) all.add(parts.slice(0, n).join("."));
    all.add(label);
  }
  return [...all].sort();
}

function Prices({
  route,
  tune,
  model,
}: {
  route: Route;
  tune: (change: Partial<Route>) => void;
  model: ModelAnswer | null;
}) {
  const known = model?.price;
  const wrong = route.priceMin !== null && route.priceMax !== null && route.priceMin > route.priceMax;
  return (
    <fieldset class="field price-field" aria-describedby={wrong ? "price-wrong" : undefined}>
      <legend class="label">Price</legend>
      <div class="prices">
        <PriceField
          label="Lowest price"
          placeholder={known ? text.price(known.min) : "from"}
          value={route.priceMin}
          wrong={wrong}
          onChange={(priceMin) => tune({ priceMin })}
        />
        <PriceField
          label="Highest price"
          placeholder={known ? text.price(known.max) : "to"}
          value={route.priceMax}
          wrong={wrong}
          onChange={(priceMax) => tune({ priceMax })}
        />
      </div>
      {wrong && (
        <p class="field-error" id="price-wrong">
          The lowest price is higher than the highest.
        </p>
      )}
    </fieldset>
  );
}

interface PriceProps {
  label: string;
  placeholder: string;
  value: number | null;
  wrong: boolean;
  onChange: (value: number | null) => void;
}

function PriceField({ label, placeholder, value, wrong, onChange }: PriceProps) {
  const [typed, setTyped] = useState(value === null ? "" : String(value));
  useEffect(() => {
    setTyped((old) => (old !== "" && Number(old) === value ? old : value === null ? "" : String(value)));
  }, [value]);
  return (
    <input
      type="text"
      inputMode="decimal"
      aria-label={label}
      aria-invalid={wrong}
      placeholder={placeholder}
      maxLength={12}
      value={typed}
      onInput={(event) => {
        const next = event.currentTarget.value.replace(",", ".").replace(/[^\d.]/g, "");
        setTyped(next);
        const number = Number(next);
        if (next === "") onChange(null);
        else if (Number.isFinite(number) && !next.endsWith(".")) onChange(number);
      }}
    />
  );
}
