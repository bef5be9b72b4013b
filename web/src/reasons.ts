/** Says in one sentence why an item is recommended. */
import * as text from "./text";
import type { BehaviorCount, Contribution, Explanation, RecommendedItem } from "./types";

interface Reason {
  share: number;
  words: string;
}

/** A reason with a smaller share is left out beside a larger one. */
const WORTH = 0.1;

/** Products that are not named are mentioned if they have this share together. */
const UNNAMED = 0.02;

/** What the customer's other products add. */
function ofHistory(contributions: Contribution[]): Reason {
  const positive = contributions.filter((part) => part.share > 0);
  const share = positive.reduce((sum, part) => sum + part.share, 0);
  const [first, second] = positive;
  if (!first) return { share, words: "" };
  const name = ({ item, details }: Contribution) => text.title(item, details);
  const did = text.mainDeed(first.behaviors);
  const words = `this customer ${did} ${name(first)}`;
  // The share is that of all products, so that the sentence must not sound as if the named ones had it alone.
  const among = (named: number) => (share - named >= UNNAMED ? ", among other products" : "");
  if (!second || second.share < first.share / 3) return { share, words: words + among(first.share) };
  const also = text.mainDeed(second.behaviors);
  const both = `${words} and ${also === did ? "" : `${also} `}${name(second)}`;
  return { share, words: both + among(first.share + second.share) };
}

const TERMS: Record<string, string> = {
  popularity: "it is popular with other customers",
  conversion: "many customers who meet it buy it",
  taste: "its category, brand or price is like that of what they looked at before",
  model: "customers with a similar history go for it",
};

function reasonsOf(explanation: Explanation, met: BehaviorCount[]): Reason[] {
  const { item, contributions, self_contribution: own, terms = [] } = explanation;
  const itself = contributions.find((part) => part.item === item);
  const term = terms.find((part) => part.kind === "history");
  const done = text.doings(met.length > 0 ? met : (itself?.behaviors ?? []));
  const direct = {
    share: (itself?.share ?? 0) + (term?.share ?? 0),
    words: done ? `they know it already (${done})` : "they met it before",
  };
  const others = terms
    .filter((part) => TERMS[part.kind] !== undefined)
    .map((part) => ({ share: part.share, words: TERMS[part.kind] ?? "" }));
  const taste = {
    share: own?.share ?? 0,
    words: "it suits their taste as a whole, more than any one product",
  };
  const history = ofHistory(contributions.filter((part) => part !== itself));
  const rest = { share: explanation.remainder?.share ?? 0, words: "of what else they did before" };
  return [direct, history, taste, rest, ...others]
    .filter((reason) => reason.share > 0 && reason.words)
    .sort((a, b) => b.share - a.share);
}

/** Where the score is not a sum, what other customers did speaks for an item. */
function ofPaths({ paths }: Explanation): string | null {
  for (const { edges } of paths) {
    const others = edges[1]?.to;
    const from = edges[0]?.to;
    if (from?.kind !== "item") continue;
    const known = text.title(from.item, from.details);
    const relation = edges[1]?.relation?.name;
    if (others?.kind === "entity" && relation && relation === edges[2]?.relation?.name) {
      return `Recommended because it has the same ${relation} as ${known}: ${others.name}.`;
    }
    if (others?.kind !== "other_users") continue;
    return `Recommended because ${text.plural(others.count, "customer")} who met ${known}, as this one did, also met this product.`;
  }
  return null;
}

/** The sentence that an explanation begins with. `met` is what the customer did with the item. */
export function sentence(
  explanation: Explanation,
  listed: RecommendedItem | null,
  met: BehaviorCount[],
): string {
  const reasons = reasonsOf(explanation, met);
  const [first, second] = reasons;
  if (!first) {
    return (
      ofPaths(explanation) ??
      (met.length > 0
        ? `Recommended because they know it already (${text.doings(met)}).`
        : "The model sees little that speaks for this product.")
    );
  }
  const start =
    listed?.source === "exploration"
      ? "Shown at random, to explore. What speaks most for it: "
      : "Recommended mainly because ";
  const say = ({ words, share }: Reason) => `${words} (${text.percent(share)})`;
  const also = second && second.share >= WORTH ? `, and because ${say(second)}` : "";
  return `${start}${say(first)}${also}.`;
}
