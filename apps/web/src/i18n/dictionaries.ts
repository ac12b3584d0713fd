import type { Language } from '@qwen-edit/contract';
import { type Dictionary, en } from './en.ts';
import { zh } from './zh.ts';

export const dictionaries: Readonly<Record<Language, Dictionary>> = { en, zh };
