import { LANGUAGES, type Language } from '@qwen-edit/contract';

/** The first of the reader's languages that the page has; English if it has none of them. */
export function languageOf(preferred: readonly string[]): Language {
  for (const tag of preferred) {
    const language = LANGUAGES.find((each) => tag.toLowerCase().split('-')[0] === each);
    if (language !== undefined) return language;
  }
  return 'en';
}
