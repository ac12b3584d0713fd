import { type Dictionary, en } from './en.ts';
import type { Language } from './language.ts';
import { zh } from './zh.ts';

export const dictionaries: Readonly<Record<Language, Dictionary>> = { en, zh };
