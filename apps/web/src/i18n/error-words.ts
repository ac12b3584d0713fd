import { ERRORS, isErrorCode, type Language } from '@qwen-edit/contract';
import type { Dictionary } from './en.ts';

/** An error as it may come: from a call, or from a job that failed. */
export interface ToldError {
  readonly code: string;
  readonly title?: string | undefined;
  readonly detail?: string | undefined;
  readonly hint?: string | undefined;
}

export interface ErrorWords {
  readonly title: string;
  readonly hint: string;
  /** The service's own words about this very case, which are English; undefined if they add nothing. */
  readonly detail: string | undefined;
}

/** What happened and what to do, in the reader's language. */
export function errorWords(error: ToldError, { errors }: Dictionary, language: Language): ErrorWords {
  const known = errors.byCode[error.code];
  const english = language === 'en';
  return {
    title: known?.title ?? (english ? error.title : undefined) ?? errors.fallbackTitle,
    hint: known?.hint ?? (english ? error.hint : undefined) ?? errors.fallbackHint,
    detail: repeatsTitle(error) ? undefined : error.detail,
  };
}

/** What the service does not tell callers in its own words, it tells in the words of the title. */
function repeatsTitle({ code, detail }: ToldError): boolean {
  return isErrorCode(code) && detail === `${ERRORS[code].title}.`;
}
