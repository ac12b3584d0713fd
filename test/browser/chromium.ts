import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import { environment } from '../config.ts';
import { leaveOut } from '../services.ts';

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
 * The suites that need a browser: all of them, or none if there is no Chromium (see leaveOut). To be given to `describe.each`
 * beside some test that is always there.
 */
export async function browserSuites<T>(suites: readonly T[]): Promise<readonly T[]> {
  if (findChromium() !== undefined) return suites;
  await leaveOut('the tests of the page in a browser', 'there is no Chromium (CHROMIUM_PATH names one)');
  return [];
}

/** Chromium without a window. Containers have no sandbox for it, and little shared memory. */
export function openBrowser(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error('no Chromium');
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'] });
}
