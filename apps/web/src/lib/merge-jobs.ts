/** What a list knows of a job; ids of later jobs are greater. */
interface Listed {
  readonly id: string;
}

/**
 * A list, newest first, with its newest page read anew: what is in the page replaces what was known, and what the page
 * should hold and does not is gone. undefined where the page does not reach what was known, so that jobs would be missing.
 */
export function mergeNewest<J extends Listed>(known: readonly J[], page: readonly J[]): readonly J[] | undefined {
  const oldest = page.at(-1);
  const newestKnown = known[0];
  if (oldest === undefined || newestKnown === undefined || newestKnown.id < oldest.id) return undefined;
  return [...page, ...known.filter(({ id }) => id < oldest.id)];
}
