/** A search field with a list of results, following the ARIA pattern for comboboxes. */
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { useAnswer, useDebounced } from "../hooks";

interface Props<T> {
  label: string;
  placeholder: string;
  /** Finds options for the typed text. */
  find: (text: string, signal: AbortSignal) => Promise<{ options: T[]; total: number }>;
  optionKey: (option: T) => string;
  render: (option: T) => ComponentChildren;
  onPick: (option: T) => void;
  /** Takes the text on Enter when no option is active. */
  onText?: (text: string) => void;
  /** The text of the field when nothing is being typed. */
  value?: string;
  hideLabel?: boolean;
}

export function Combobox<T>(props: Props<T>) {
  const {
    label,
    placeholder,
    find,
    optionKey,
    render,
    onPick,
    onText,
    value = "",
    hideLabel = false,
  } = props;
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const [text, setText] = useState<string | null>(null);
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const settled = useDebounced(text ?? "", 120);
  const found = useAnswer(open ? `find ${settled}` : null, (signal) => find(settled.trim(), signal));
  const options = found.data?.options ?? [];
  const waiting = found.loading || settled !== (text ?? "");

  useEffect(() => {
    list.current?.children[active]?.scrollIntoView({ block: "nearest" });
  }, [active]);

  const close = () => {
    setOpen(false);
    setActive(-1);
    setText(null);
  };
  const pick = (option: T) => {
    close();
    onPick(option);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const move = (to: number) => {
      event.preventDefault();
      setOpen(true);
      setActive(options.length ? (to + options.length) % options.length : -1);
    };
    switch (event.key) {
      case "ArrowDown":
        return move(active + 1);
      case "ArrowUp":
        return move(active < 0 ? options.length - 1 : active - 1);
      case "Escape":
        if (open) event.stopPropagation();
        return close();
      case "Enter": {
        const option = options[active] ?? (!onText && !waiting && text ? options[0] : undefined);
        event.preventDefault();
        if (option) pick(option);
        else if (text?.trim() && onText) {
          const typed = text.trim();
          close();
          onText(typed);
        }
      }
    }
  };

  return (
    <div
      class="combobox"
      onFocusOut={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) close();
      }}
    >
      <label class={hideLabel ? "unseen" : "label"} for={id}>
        {label}
      </label>
      <input
        ref={input}
        id={id}
        type="text"
        role="combobox"
        autocomplete="off"
        spellcheck={false}
        maxLength={200}
        placeholder={placeholder}
        aria-expanded={open}
        aria-controls={`${id}-list`}
        aria-autocomplete="list"
        aria-activedescendant={active >= 0 ? `${id}-${active}` : undefined}
        value={text ?? value}
        onFocus={(event) => event.currentTarget.select()}
        onClick={() => setOpen(true)}
        onInput={(event) => {
          setText(event.currentTarget.value);
          setOpen(true);
          setActive(-1);
        }}
        onKeyDown={onKeyDown}
      />
      <div class="popup" hidden={!open}>
        <div id={`${id}-list`} role="listbox" aria-label={label} ref={list} aria-busy={waiting}>
          {options.map((option, n) => (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the field keeps the focus and handles keys
            <div
              key={optionKey(option)}
              id={`${id}-${n}`}
              role="option"
              tabIndex={-1}
              aria-selected={n === active}
              onMouseDown={(event) => event.preventDefault()}
              onMouseEnter={() => setActive(n)}
              onClick={() => pick(option)}
            >
              {render(option)}
            </div>
          ))}
        </div>
        {found.error && <p class="popup-note">{found.error.message}</p>}
        {!found.error && options.length === 0 && (
          <p class="popup-note">
            {waiting
              ? "Searching…"
              : onText
                ? "No results; press Enter to use the text as typed"
                : "No results"}
          </p>
        )}
        {found.data && found.data.total > options.length && options.length > 0 && (
          <p class="popup-note">
            {options.length} of {found.data.total.toLocaleString("en")}; type to narrow the list
          </p>
        )}
        <p class="unseen" role="status">
          {open && !waiting ? `${options.length} found` : ""}
        </p>
      </div>
    </div>
  );
}
