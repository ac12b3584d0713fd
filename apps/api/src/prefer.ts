/**
 * Seconds of `Prefer: wait=N`, at most `longest`; 0 if the header does not ask for a wait. As the standard says, a
 * preference that cannot be read is ignored, and if one comes twice the first counts. Source: RFC 7240, sections 2 and
 * 4.3.
 */
export function waitSecondsOf(prefer: string | undefined, longest: number): number {
  for (const preference of splitOutsideQuotes(prefer ?? '')) {
    const [assignment = ''] = preference.split(';', 1);
    const equals = assignment.indexOf('=');
    if (equals === -1 || assignment.slice(0, equals).trim().toLowerCase() !== 'wait') continue;
    const digits = /^"?(\d{1,9})"?$/.exec(assignment.slice(equals + 1).trim())?.[1];
    return digits === undefined ? 0 : Math.min(Number(digits), longest);
  }
  return 0;
}

/** Splits at commas, but not inside of quotes. It looks at each character once: a pattern for this would take quadratic time. */
function* splitOutsideQuotes(text: string): Generator<string> {
  let start = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '"') quoted = !quoted;
    else if (quoted && character === '\\') at++;
    else if (!quoted && character === ',') {
      yield text.slice(start, at);
      start = at + 1;
    }
  }
  yield text.slice(start);
}
