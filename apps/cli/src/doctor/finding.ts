import { type AppError, type ErrorCode, toAppError } from '@qwen-edit/contract';

/** `note`: worth knowing, and no reason why nothing would work. `problem`: something does not, or will not, work. */
export type FindingStatus = 'ok' | 'note' | 'problem';

/** One thing that a check has found: what is so, why, and what to do. */
export interface Finding {
  readonly status: FindingStatus;
  readonly message: string;
  /** Of a problem that is an error of the product. */
  readonly code?: ErrorCode;
  readonly cause?: string;
  readonly remedy?: string;
}

export const okFinding = (message: string): Finding => ({ status: 'ok', message });

export const noteFinding = (message: string, remedy?: string): Finding => ({
  status: 'note',
  message,
  ...(remedy === undefined ? {} : { remedy }),
});

export const problemFinding = (
  message: string,
  why: { readonly cause?: string; readonly remedy: string },
): Finding => ({
  status: 'problem',
  message,
  ...why,
});

/** What was thrown, as a problem with the product's own words. */
export function findingOf(thrown: unknown, status: FindingStatus = 'problem'): Finding {
  const { code, message, hint }: AppError = toAppError(thrown);
  return { status, code, message, remedy: hint };
}
