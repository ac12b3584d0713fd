import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import { environment } from '../config.ts';
import { inCi, sayOnce } from '../left-out.ts';

/** Where Debian, Ubuntu, Fedora, macOS and Windows keep it. */
const USUAL_PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  'C:/Program Files/Google/Chrome/Application/chrome.exe',
];

export function findChromium(): string | undefined {
  return [environment.CHROMIUM_PATH ?? '', ...USUAL_PLACES].find((path) => path !== '' && existsSync(path));
}

/**
 * The suites that need a browser: all of them, or none where there is no Chromium, which one line says for the whole run. In
 * CI that is a failure. To be given to `describe.each` beside some test that is always there.
 */
export function browserSuites<T>(suites: readonly T[]): readonly T[] {
  if (findChromium() !== undefined) return suites;
  if (inCi) throw new Error('There is no Chromium: in CI the page must be tried in one.');
  sayOnce('browser', 'Left out, for want of Chromium (CHROMIUM_PATH names one): the tests of the page in a browser.\n');
  return [];
}

/** Chromium without a window. Containers have no sandbox for it, and little shared memory. */
export function openBrowser(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error('no Chromium');
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}
