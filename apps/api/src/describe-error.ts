/** One error of a chain of causes, as it is logged. */
export interface LoggedError {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly frames: readonly string[];
}

const DEEPEST = 5;

/**
 * An error and its causes, as they are logged. The message of a failed query is left out: its parameters may hold a
 * prompt.
 */
export function describeError(thrown: unknown, depth = 0): readonly LoggedError[] {
  if (depth === DEEPEST) return [];
  if (!(thrown instanceof Error)) return [{ name: typeof thrown, message: 'no error was thrown', frames: [] }];
  const code = 'code' in thrown && typeof thrown.code === 'string' ? { code: thrown.code } : {};
  const described = {
    name: thrown.name,
    message: 'params' in thrown ? 'the query failed' : thrown.message,
    ...code,
    frames: (thrown.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line)),
  };
  return [described, ...(thrown.cause === undefined ? [] : describeError(thrown.cause, depth + 1))];
}
