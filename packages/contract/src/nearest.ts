/**
 * The word that was most likely meant: the one with the fewest typing errors from `said`, in any case. undefined if none is near.
 *
 * @example
 * nearestOf('sreve', ['serve', 'api']) // 'serve'
 */
export function nearestOf(said: string, words: Iterable<string>, most = mostErrors(said)): string | undefined {
  let best: string | undefined;
  let fewest = most + 1;
  for (const word of words) {
    const errors = typingErrors(said.toLowerCase(), word.toLowerCase());
    if (errors >= fewest) continue;
    fewest = errors;
    best = word;
  }
  return best;
}

/** A sentence's end that offers the word; empty if there is none. */
export const didYouMean = (word: string | undefined): string => (word === undefined ? '' : ` Did you mean ${word}?`);

/** How many errors a word may have: in a third of its letters, and no more than three. */
export function mostErrors(said: string): number {
  return Math.min(3, Math.max(1, Math.floor(said.length / 3)));
}

/**
 * Letters that were left out, added or changed, and neighbours that were exchanged.
 * Source: the optimal string alignment distance of F. J. Damerau (1964).
 */
function typingErrors(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row[j] = Math.min(
        at(last, j) + 1,
        at(row, j - 1) + 1,
        at(last, j - 1) + (same ? 0 : 1),
        swapped ? at(beforeLast, j - 2) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    beforeLast = last;
    last = row;
  }
  return at(last, b.length);
}

const at = (row: readonly number[], index: number): number => row[index] ?? Number.POSITIVE_INFINITY;
