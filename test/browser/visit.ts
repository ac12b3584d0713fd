import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { expect, onTestFinished } from 'vitest';
import { en } from '../../apps/web/src/i18n/en.ts';
import { newPicture } from '../e2e/calls.ts';

export const DESKTOP = { width: 1280, height: 800 } as const;
export const PHONE = { width: 390, height: 844 } as const;

/** For what hangs: a machine that is many times slower is no fault. */
const LIMIT_MS = 300_000;

/** For a service whose page is tested: no worker loses its lease because the machine stalls. */
export const LONG_LEASES = { QWEN_EDIT_LEASE_SECONDS: '120' } as const;

export interface Visit {
  readonly page: Page;
  /** What the page complained of: exceptions, and messages of the console that are errors. */
  readonly complaints: readonly string[];
}

/** A person of their own, who reads English on a desktop unless said otherwise. Leaves when the test ends. */
export async function visit(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Visit> {
  const context = await browser.newContext({
    viewport: DESKTOP,
    locale: 'en-GB',
    colorScheme: 'light',
    reducedMotion: 'reduce',
    ...options,
  });
  onTestFinished(() => context.close());
  context.setDefaultTimeout(LIMIT_MS);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    // Requests that fail are part of some tests; the browser tells of each by itself.
    if (message.type() === 'error' && !/Failed to load resource|net::ERR/.test(message.text())) {
      complaints.push(message.text());
    }
  });
  await page.goto(url);
  await page.getByRole('main').waitFor();
  return { page, complaints };
}

/** A file as a person chooses it: bytes, or the path of a large one. */
export interface ChosenFile {
  readonly name: string;
  readonly mimeType: string;
  readonly buffer: Buffer;
}

export async function pngFile(name = 'photo.png'): Promise<ChosenFile> {
  return { name, mimeType: 'image/png', buffer: await newPicture() };
}

export const filePicker = (page: Page): Locator => page.locator('input[type=file][multiple]').first();
export const wish = (page: Page): Locator => page.getByRole('textbox', { name: en.prompt.label });
export const editButton = (page: Page): Locator => page.getByRole('button', { name: /^(Edit|Send again)\b/ });
export const tiles = (page: Page): Locator => page.locator('[data-tile]');

/** Where a running job says which step it is at. The announcer for screen readers says it too. */
export const stepLine = (page: Page, total = '[\\d,]+'): Locator =>
  page.getByText(new RegExp(`^Step [\\d,]+ of ${total}$`)).and(page.locator('.numbers *'));

/** Waits until a fact holds; pages take their time. */
export const expectEventually = <T>(fact: () => T) => expect.poll(fact, { timeout: LIMIT_MS });

/** Fills the form and sends it. Resolves with the id of the job, on its page. */
export async function sendEdit(page: Page, words: string, files?: readonly ChosenFile[]): Promise<string> {
  await filePicker(page).setInputFiles([...(files ?? [await pngFile()])]);
  await wish(page).fill(words);
  await editButton(page).click();
  return idOfJob(page);
}

export async function idOfJob(page: Page): Promise<string> {
  await page.waitForURL(/#\/jobs\/job_/);
  const id = /#\/jobs\/(job_[\w-]+)/.exec(page.url())?.[1];
  expect(id).toBeDefined();
  return id ?? '';
}

/** The divider between before and after, which is there once a result is. */
export const divider = (page: Page): Locator => page.getByRole('slider', { name: en.stage.compare });
