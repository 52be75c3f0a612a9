const farthest = 4;
const shortestWord = 3;

interface Ranked {
  readonly candidate: string;
  /** Words that both have count twice, those that one of them abbreviates once. */
  readonly shared: number;
  readonly distance: number;
  /** Letters of the words that only the name has. */
  readonly strange: number;
}

/**
 * The candidate that was meant by `name`: the one that shares most words with it, of several the one that differs in
 * the fewest letters; `undefined` when none is near, and when a shared word is all that several have in common with it.
 */
export function nearestName(name: string, candidates: readonly string[]): string | undefined {
  const ranked = candidates
    .map((candidate) => rank(name, candidate))
    .toSorted((a, b) => b.shared - a.shared || a.distance - b.distance);
  const [best] = ranked;
  if (best === undefined) return undefined;
  // a longer form of the best one, such as its _FILE, is no rival of it
  const rival = ranked.find(({ candidate }) => !candidate.startsWith(best.candidate));
  const isNear = best.distance <= Math.min(farthest, best.strange / 2);
  const isAlone = best.shared > (rival?.shared ?? 0);
  return isNear || isAlone ? best.candidate : undefined;
}

function rank(name: string, candidate: string): Ranked {
  const others = wordsOf(candidate);
  const words = wordsOf(name);
  const shared = words.map((word) => Math.max(...others.map((other) => likeness(word, other))));
  const distance = editDistance(name, candidate);
  const strange = words.filter((word) => !others.includes(word)).join('').length;
  return { candidate, strange, shared: shared.reduce((sum, each) => sum + each, 0), distance };
}

function wordsOf(name: string): string[] {
  return name.split(/[^A-Za-z0-9]+/);
}

function likeness(a: string, b: string): 0 | 1 | 2 {
  if (a === b) return 2;
  const [short, long] = a.length < b.length ? [a, b] : [b, a];
  return short.length >= shortestWord && long.startsWith(short) ? 1 : 0;
}

// Levenshtein's distance, one row at a time
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
