import { AppError, type ErrorCode } from '@qwen-edit/contract';
import { expect } from 'vitest';

/** Expects that `work` is refused with `code`, with a message that contains each of `names`, and with a hint what to do. */
export async function expectRefusal(
  work: Promise<unknown> | (() => unknown),
  code: ErrorCode,
  ...names: readonly string[]
): Promise<AppError> {
  const thrown = await (typeof work === 'function' ? new Promise((resolve) => resolve(work())) : work).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(thrown, `refused with ${code}`).toBeInstanceOf(AppError);
  const error = thrown as AppError;
  expect(`${error.code}: ${error.message}`).toContain(`${code}: `);
  for (const name of names) expect(error.message).toContain(name);
  expect(error.hint.length).toBeGreaterThan(10);
  return error;
}
