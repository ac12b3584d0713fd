import {
  ERRORS,
  type FieldError,
  isChoiceName,
  isErrorCode,
  isParameterName,
  isSliderName,
  type Language,
} from '@qwen-edit/contract';
import type { Dictionary } from './en.ts';
import { fieldSentence } from './field-words.ts';

/** An error as it may come: from a call, or from a job that failed. */
export interface ToldError {
  readonly code: string;
  readonly title?: string | undefined;
  readonly detail?: string | undefined;
  readonly hint?: string | undefined;
  /** What is wrong with which field. */
  readonly errors?: readonly FieldError[] | undefined;
}

export interface ErrorWords {
  readonly title: string;
  readonly hint: string;
  /** The service's own words about this very case, which are English; undefined if they add nothing. */
  readonly detail: string | undefined;
  /** What is wrong with which field, in the reader's language; then there is no detail. */
  readonly fields: readonly string[];
}

/** What happened and what to do, in the reader's language. */
export function errorWords(error: ToldError, words: Dictionary, language: Language): ErrorWords {
  const { errors } = words;
  const known = errors.byCode[error.code];
  const english = language === 'en';
  const fields = fieldSentences(error, words);
  return {
    title: known?.title ?? (english ? error.title : undefined) ?? errors.fallbackTitle,
    hint: known?.hint ?? (english ? error.hint : undefined) ?? errors.fallbackHint,
    detail: repeatsTitle(error) || fields.length > 0 ? undefined : error.detail,
    fields,
  };
}

/** A sentence for each field; none if the page has no words for one of them, so that nothing is left out. */
function fieldSentences({ errors = [] }: ToldError, words: Dictionary): readonly string[] {
  const sentences = errors.map((error) => fieldSentence(error, words.errors.fields, labelOf(error.path, words)));
  return sentences.every((sentence) => sentence !== undefined) ? sentences : [];
}

/** What the page calls a field; its path, if it has no name of its own. */
function labelOf(path: string, { settings, presets, loras, errors }: Dictionary): string {
  if (path === '') return '';
  if (path === 'prompt' || path === 'images') return errors.fields[path];
  if (path === 'width' || path === 'height' || path === 'output_area' || path === 'size') return settings[path];
  if (!isParameterName(path)) return path;
  if (path === 'preset') return presets.label;
  if (path === 'lora') return loras.label;
  if (isChoiceName(path)) return settings.choices[path].label;
  return isSliderName(path) ? settings.sliders[path].label : path;
}

/** What the service does not tell callers in its own words, it tells in the words of the title. */
function repeatsTitle({ code, detail }: ToldError): boolean {
  return isErrorCode(code) && detail === `${ERRORS[code].title}.`;
}
