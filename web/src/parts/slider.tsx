/** A labeled slider that shows its value. */
import { useId } from "preact/hooks";

interface Props {
  label: string;
  hint: string;
  min: number;
  max: number;
  step: number;
  value: number;
  text: (value: number) => string;
  onChange: (value: number) => void;
}

export function Slider({ label, hint, min, max, step, value, text, onChange }: Props) {
  const id = useId();
  return (
    <div class="slider">
      <label for={id} title={hint}>
        {label}
      </label>
      <output for={id}>{text(value)}</output>
      <input
        id={id}
        type="range"
        min={min}
        max={max}
        step={step}
        value={value}
        aria-valuetext={text(value)}
        aria-description={hint}
        onInput={(event) => onChange(Number(event.currentTarget.value))}
      />
    </div>
  );
}
