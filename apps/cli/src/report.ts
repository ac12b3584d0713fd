import type { AppError, ErrorCode } from '@qwen-edit/contract';

/** Codes that mean that the command was called wrongly. */
const BAD_USAGE: ReadonlySet<ErrorCode> = new Set(['usage', 'invalid_parameter', 'prompt_empty', 'prompt_too_long']);

export function exitCodeOf(error: AppError): 1 | 2 {
  return BAD_USAGE.has(error.code) ? 2 : 1;
}

/** Two lines for people: what happened, and what to do. */
export function errorText({ message, code, hint }: AppError): string {
  return `error: ${message.replace(/[.\s]+$/, '')} (${code})\n${hint}\n`;
}

/** The same for programs. */
export function errorJson({ code, message, hint }: AppError): string {
  return `${JSON.stringify({ error: { code, message, hint } })}\n`;
}
