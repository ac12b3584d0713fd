import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Job } from '@qwen-edit/contract';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { en } from '../../apps/web/src/i18n/en.ts';
import { zh } from '../../apps/web/src/i18n/zh.ts';
import { apiOf, newPicture, postJson, submitPrompt } from '../e2e/calls.ts';
import { startEmbedded } from '../e2e/embedded.ts';
import { holdIn } from '../e2e/held.ts';
import type { System } from '../e2e/system.ts';
import { pollUntil } from '../e2e/waiting.ts';
import { browserSuites, openBrowser } from './chromium.ts';
import { type OfferingModel, offeringModel, SEPIA } from './offers.ts';
import {
  DESKTOP,
  divider,
  expectEventually,
  filePicker,
  LONG_LEASES,
  PHONE,
  pngFile,
  sendEdit,
  stepLine,
  visit,
  wish,
} from './visit.ts';

const LONG = 600_000;
const JAVASCRIPT_BYTES = 150_000;
/** Of all shifts of a visit. Google calls up to 0.1 good. */
const MOST_SHIFT = 0.02;
const MANY_JOBS = 200;
const OPEN_ALL = "for (const details of document.querySelectorAll('details')) details.open = true";
const assets = join(import.meta.dirname, '../../apps/web/dist/assets');

const LOOKS: readonly (readonly [string, BrowserContextOptions])[] = [
  ['on a desktop, light, in English', { viewport: DESKTOP, colorScheme: 'light', locale: 'en-GB' }],
  ['on a desktop, dark, in Chinese', { viewport: DESKTOP, colorScheme: 'dark', locale: 'zh-CN' }],
  ['on a phone, light, in Chinese', { viewport: PHONE, colorScheme: 'light', locale: 'zh-CN', hasTouch: true }],
  ['on a phone, dark, in English', { viewport: PHONE, colorScheme: 'dark', locale: 'en-GB', hasTouch: true }],
];

it('there is a look for each of both screens, schemes and languages', () => {
  for (const name of ['viewport', 'colorScheme', 'locale'] as const) {
    expect(new Set(LOOKS.map(([, look]) => look[name])).size).toBe(2);
  }
});

describe.each(await browserSuites(['in Chromium']))('%s', () => {
  let system: System;
  let browser: Browser;
  let model: OfferingModel;
  let done: string;

  beforeAll(async () => {
    model = await offeringModel();
    browser = await openBrowser();
    system = await startEmbedded({ ...LONG_LEASES, ...model.env });
    const wishes = { preset: 'lightning-4', lora: [{ name: SEPIA.name, scale: 0.5 }], speed: 'fast' };
    done = (await submitPrompt(system, 'steps:2 size:320x224', wishes)).id;
    await pollUntil('a job that is done', async () => (await statusOf(done)) === 'succeeded');
  }, LONG);
  afterAll(async () => {
    await browser?.close();
    await system?.remove();
    await model?.remove();
  }, LONG);

  async function statusOf(id: string): Promise<string> {
    const job = (await (await fetch(`${apiOf(system)}/v1/jobs/${id}`)).json()) as Job;
    return job.status;
  }

  /** What axe finds that keeps people out. */
  async function barriers(page: Page): Promise<string[]> {
    const source = await readFile(join(import.meta.dirname, '../../node_modules/axe-core/axe.min.js'), 'utf8');
    // As the browser's own tools do: the policy of the page allows no script but its own files.
    await page.evaluate(source);
    // A colour that is still changing has not yet the contrast that it will have.
    await page.evaluate(
      'Promise.all(document.getAnimations().filter((each) => each.effect.getComputedTiming().endTime < 10_000).map((each) => each.finished.catch(() => undefined)))',
    );
    const found = await page.evaluate<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }>(
      'axe.run(document, { resultTypes: ["violations"] })',
    );
    return found.violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(' ')}`);
  }

  const overflow = (page: Page): Promise<number> =>
    page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');

  it.each(LOOKS)(
    'every page can be used by everybody and fits: %s',
    async (_, look) => {
      const url = apiOf(system);
      const { page, complaints } = await visit(browser, url, look);
      const words = look.locale === 'zh-CN' ? zh : en;
      const found: string[] = [];
      const examine = async (where: string): Promise<void> => {
        found.push(...(await barriers(page)).map((barrier) => `${where}: ${barrier}`));
        const wide = await overflow(page);
        if (wide > 0) found.push(`${where}: ${wide} px too wide`);
      };
      await page.getByRole('button', { name: words.editor.sampleCat }).waitFor();
      expect(await page.evaluate('document.documentElement.lang')).toMatch(look.locale === 'zh-CN' ? /^zh/ : /^en/);
      await examine('an empty editor');
      await filePicker(page).setInputFiles([await pngFile(), await pngFile()]);
      await page.getByRole('textbox', { name: words.prompt.label }).fill('steps:1');
      await examine('an editor with two pictures');
      await page.getByRole('radio', { name: /^Lightning 4\b/ }).check();
      await page.evaluate(OPEN_ALL);
      await page.getByRole('slider', { name: words.settings.sliders.num_inference_steps.label }).fill('7');
      await page.getByText(words.presets.takeIts).waitFor();
      await page
        .getByRole('checkbox', { name: SEPIA.title[look.locale === 'zh-CN' ? 'zh' : 'en'], exact: true })
        .check();
      await examine('an editor with a preset, a LoRA and all settings open');
      const running = await submitPrompt(system, 'stay size:64x48');
      await page.goto(`${url}/#/jobs/${running.id}`);
      await page.getByRole('button', { name: words.job.cancel, exact: true }).waitFor();
      await examine('a job that runs');
      await fetch(`${url}/v1/jobs/${running.id}/cancel`, { method: 'POST' });
      await page.getByRole('heading', { name: words.states.canceled }).waitFor();
      await examine('a job that was stopped');
      await page.goto(`${url}/#/jobs/${done}`);
      await page.getByRole('slider', { name: words.stage.compare }).waitFor();
      await page.evaluate(OPEN_ALL);
      await examine('a job that is done, with its receipt');
      await page.getByRole('button', { name: words.results.code }).click();
      await page.getByRole('dialog').waitFor();
      await examine('the dialog with code');
      await page.keyboard.press('Escape');
      for (const [route, heading] of [
        ['history', words.history.heading],
        ['status', words.status.heading],
        ['jobs/job_00000000-0000-7000-8000-000000000000', words.job.missing],
      ] as const) {
        await page.goto(`${url}/#/${route}`);
        await page.getByRole('heading', { name: heading, exact: true }).waitFor();
        await examine(route);
      }
      expect(found).toEqual([]);
      expect(complaints).toEqual([]);
    },
    LONG,
  );

  it(
    'a language that is chosen is kept',
    async () => {
      const { page } = await visit(browser, apiOf(system), { locale: 'zh-CN' });
      await page.getByText(zh.prompt.label).first().waitFor();
      await page.getByRole('button', { name: zh.nav.switchLanguage }).click();
      await wish(page).waitFor();
      await page.reload();
      await wish(page).waitFor();
    },
    LONG,
  );

  it(
    'nothing moves when a result comes, and nothing is fetched from elsewhere',
    async () => {
      const url = apiOf(system);
      const { page } = await visit(browser, url);
      const foreign: string[] = [];
      page.on('request', (request) => {
        if (!/^(blob|data):/.test(request.url()) && new URL(request.url()).origin !== url) foreign.push(request.url());
      });
      await page.evaluate(`globalThis.shifts = 0; new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (!entry.hadRecentInput) globalThis.shifts += entry.value;
    }).observe({ type: 'layout-shift' })`);
      const buffer = await sharp({ create: { width: 320, height: 224, channels: 3, background: 'olive' } })
        .png()
        .toBuffer();
      const hold = holdIn(system);
      const words = `each:150ms steps:8 size:320x224 at:4 ${hold.words}`;
      await sendEdit(page, words, [{ name: 'wide.png', mimeType: 'image/png', buffer }]);
      await stepLine(page, '8').waitFor();
      await hold.letGo();
      await divider(page).waitFor();
      await page.getByRole('button', { name: en.results.link }).waitFor();
      expect(await page.evaluate('globalThis.shifts')).toBeLessThan(MOST_SHIFT);
      expect(foreign).toEqual([]);
    },
    LONG,
  );

  it('the page is small: less than 150 kB of JavaScript, gzipped', async () => {
    // Parts of earlier builds stay for a day, for pages that are open.
    const html = await (await fetch(apiOf(system))).text();
    const scripts = [...html.matchAll(/assets\/([^"]+\.js)"/g)].map(([, name = '']) => name);
    const sizes = await Promise.all(scripts.map(async (name) => gzipSync(await readFile(join(assets, name))).length));
    expect(scripts.length).toBeGreaterThan(0);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(JAVASCRIPT_BYTES);
  });

  it(
    `${MANY_JOBS} jobs are shown by thumbnails, and all can be scrolled to`,
    async () => {
      const url = apiOf(system);
      const images = [(await newPicture()).toString('base64')];
      for (let i = 0; i < MANY_JOBS; i++) {
        const response = await postJson(`${url}/v1/jobs`, { prompt: `steps:1 size:64x48 n${i}`, images });
        expect(response.status).toBe(202);
      }
      const { page } = await visit(browser, `${url}/#/history`);
      const originals: string[] = [];
      page.on('request', (request) => {
        if (/\/(in|out)puts\/\d+$/.test(request.url())) originals.push(request.url());
      });
      const cards = page.locator('.cards > li');
      await cards.first().waitFor();
      await expectEventually(async () => {
        await page.mouse.move(400, 500);
        await page.mouse.wheel(0, 4000);
        return cards.count();
      }).toBeGreaterThanOrEqual(MANY_JOBS);
      await page.getByText('steps:1 size:64x48 n0', { exact: true }).scrollIntoViewIfNeeded();
      expect(originals).toEqual([]);
    },
    LONG,
  );

  it(
    'without JavaScript the page tells what this is',
    async () => {
      const context = await browser.newContext({ javaScriptEnabled: false });
      onTestFinished(() => context.close());
      const page = await context.newPage();
      await page.goto(apiOf(system));
      expect(await page.content()).toContain('/v1/jobs');
    },
    LONG,
  );
});
