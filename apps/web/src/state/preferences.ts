import { effect, type Signal, signal } from '@preact/signals';
import { LANGUAGES, type Language } from '@qwen-edit/contract';
import { languageOf } from '../i18n/language.ts';

export const SCHEMES = ['light', 'dark'] as const;
export type Scheme = (typeof SCHEMES)[number];

/** What the reader chose, kept in this browser. What they did not choose follows the system. */
export interface Preferences {
  readonly language: Signal<Language>;
  readonly scheme: Signal<Scheme>;
  /** Whether the settings of the form are open. */
  readonly settingsOpen: Signal<boolean>;
  /** Whether this browser has signed in with a key: its cookie cannot be read. */
  readonly signedIn: Signal<boolean>;
}

const PREFIX = 'qwen-edit.';
const WIDE = '(min-width: 900px)';

export function createPreferences({ localStorage, navigator, matchMedia, document }: Window): Preferences {
  const store = safeStorage(localStorage);
  const system: Scheme = matchMedia.call(globalThis, '(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  const kept = <T extends string>(name: string, values: readonly T[]): T | undefined =>
    values.find((value) => value === store.get(name));

  const language = signal(kept('language', LANGUAGES) ?? languageOf(navigator.languages));
  const scheme = signal(kept('scheme', SCHEMES) ?? system);
  const wide = matchMedia.call(globalThis, WIDE).matches;
  const settingsOpen = signal((kept('settings', ['open', 'closed']) ?? (wide ? 'open' : 'closed')) === 'open');
  const signedIn = signal(kept('signed-in', ['yes']) === 'yes');

  const firstLanguage = language.value;
  const firstOpen = settingsOpen.value;
  effect(() => {
    document.documentElement.lang = language.value === 'zh' ? 'zh-CN' : 'en';
    if (language.value !== firstLanguage || store.get('language') !== null) store.set('language', language.value);
  });
  effect(() => {
    const chosen = scheme.value === system ? undefined : scheme.value;
    document.documentElement.dataset.scheme = scheme.value;
    store.set('scheme', chosen);
  });
  effect(() => {
    if (settingsOpen.value !== firstOpen || store.get('settings') !== null)
      store.set('settings', settingsOpen.value ? 'open' : 'closed');
  });
  effect(() => store.set('signed-in', signedIn.value ? 'yes' : undefined));
  return { language, scheme, settingsOpen, signedIn };
}

/** A browser may forbid storage; then nothing is kept. */
export function safeStorage(storage: Storage): {
  get(name: string): string | null;
  set(name: string, value: string | undefined): void;
} {
  return {
    get: (name) => {
      try {
        return storage.getItem(PREFIX + name);
      } catch {
        return null;
      }
    },
    set: (name, value) => {
      try {
        if (value === undefined) storage.removeItem(PREFIX + name);
        else storage.setItem(PREFIX + name, value);
      } catch {
        // Kept for this visit only.
      }
    },
  };
}
