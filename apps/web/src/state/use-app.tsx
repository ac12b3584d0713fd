import { AppError } from '@qwen-edit/contract';
import { createContext } from 'preact';
import { useContext, useEffect, useState } from 'preact/hooks';
import type { Dictionary } from '../i18n/en.ts';
import type { Format } from '../lib/format.ts';
import type { App } from './app.ts';

export const AppContext = createContext<App | undefined>(undefined);

export function useApp(): App {
  const app = useContext(AppContext);
  if (app === undefined) throw new AppError('internal', 'The page was drawn without its state.');
  return app;
}

/** The words of the reader's language. */
export function useWords(): Dictionary {
  return useApp().words.value;
}

export function useFormat(): Format {
  return useApp().format.value;
}

/** The time in milliseconds since 1970, updated every `ms` while `active`. */
export function useNow(ms: number, active = true): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!active) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), ms);
    return () => clearInterval(timer);
  }, [ms, active]);
  return now;
}

interface Closable {
  close(): void;
}

/** Creates something for as long as the component lives and `key` stays the same, then closes it. */
export function useClosable<T extends Closable>(create: () => T, key: string): T | undefined {
  const [made, setMade] = useState<{ readonly key: string; readonly thing: T } | undefined>(undefined);
  useEffect(() => {
    const thing = create();
    setMade({ key, thing });
    return () => thing.close();
  }, [key]);
  return made?.key === key ? made.thing : undefined;
}
