/**
 * Seconds of `Prefer: wait=N`, at most `longest`; 0 if the header does not ask for a wait. As the standard says, a
 * preference that cannot be read is ignored, and if one comes twice the first counts. Source: RFC 7240, sections 2 and
 * 4.3.
 */
export function waitSecondsOf(prefer: string | undefined, longest: number): number {
  for (const preference of splitOutsideQuotes(prefer ?? '')) {
    const [, name, value] = /^\s*([^\s=;]+)\s*=\s*([^;]*?)\s*(?:;.*)?$/.exec(preference) ?? [];
    if (name?.toLowerCase() !== 'wait' || value === undefined) continue;
    const digits = /^"?(\d{1,9})"?$/.exec(value)?.[1];
    return digits === undefined ? 0 : Math.min(Number(digits), longest);
  }
  return 0;
}

/** Splits at commas, but not inside of quotes. */
function splitOutsideQuotes(text: string): readonly string[] {
  return text.match(/(?:"(?:[^"\\]|\\.)*"|[^",])+/g) ?? [];
}
