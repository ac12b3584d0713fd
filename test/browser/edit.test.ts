import type { Job } from '@qwen-edit/contract';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFailed } from 'vitest';
import { en } from '../../apps/web/src/i18n/en.ts';
import { queryOnce } from '../db/query.ts';
import { apiOf } from '../e2e/calls.ts';
import { startEmbedded } from '../e2e/embedded.ts';
import { holdIn } from '../e2e/held.ts';
import type { System } from '../e2e/system.ts';
import { pollUntil } from '../e2e/waiting.ts';
import { browserSuites, findChromium, openBrowser } from './chromium.ts';
import {
  divider,
  editButton,
  expectEventually,
  filePicker,
  idOfJob,
  LONG_LEASES,
  pngFile,
  sendEdit,
  stepLine,
  tiles,
  visit,
  wish,
} from './visit.ts';

const LONG = 600_000;

it('a browser is looked for where systems keep it', () => {
  expect([undefined, 'string']).toContain(typeof findChromium() === 'string' ? 'string' : undefined);
});

describe.each(await browserSuites(['in Chromium']))('%s', () => {
  let system: System;
  let browser: Browser;

  beforeAll(async () => {
    browser = await openBrowser();
    system = await startEmbedded(LONG_LEASES);
  }, LONG);
  beforeEach(() => onTestFailed(() => console.error(system.lastOutput())));
  afterAll(async () => {
    await browser?.close();
    await system?.remove();
  }, LONG);

  const jobOf = async (id: string): Promise<Job> =>
    (await (await fetch(`${apiOf(system)}/v1/jobs/${id}`)).json()) as Job;

  /** Presses Tab until something of this name has the focus, as one without a mouse does. */
  async function tabTo(page: Page, name: RegExp): Promise<void> {
    for (let presses = 0; presses < 80; presses++) {
      await page.keyboard.press('Tab');
      const focused = await page.evaluate<string>(
        `[document.activeElement.ariaLabel, ...[...(document.activeElement.labels ?? [])].map((l) => l.textContent),
          document.activeElement.textContent].join(' ')`,
      );
      if (name.test(focused)) return;
    }
    throw new Error(`Tab never came to ${name}`);
  }

  it(
    'a whole edit is done by mouse: picked, wished, watched, compared, kept',
    async () => {
      const { page, complaints } = await visit(browser, apiOf(system));
      await filePicker(page).setInputFiles([await pngFile('holiday.png')]);
      await expectEventually(() => tiles(page).count()).toBe(1);
      const hold = holdIn(system);
      await wish(page).fill(`steps:12 size:96x64 at:6 ${hold.words}`);
      await editButton(page).click();
      const id = await idOfJob(page);
      await stepLine(page, '12').waitFor();
      await page
        .getByRole('img', { name: en.job.preview })
        .or(page.locator('img[src^="data:image/webp"]'))
        .first()
        .waitFor();
      await hold.letGo();
      await divider(page).waitFor();
      const before = Number(await divider(page).getAttribute('aria-valuenow'));
      // The result may move the divider while it is drawn: a drag that missed it is repeated.
      await expectEventually(async () => {
        const box = await divider(page).boundingBox();
        await page.mouse.move(box!.x + box!.width / 2, box!.y + box!.height / 2);
        await page.mouse.down();
        await page.mouse.move(box!.x - 100, box!.y + box!.height / 2, { steps: 4 });
        await page.mouse.up();
        return Number(await divider(page).getAttribute('aria-valuenow'));
      }).toBeLessThan(before);
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page
          .getByRole('link', { name: /^Download/ })
          .or(page.getByRole('button', { name: /^Download/ }))
          .click(),
      ]);
      const path = await download.path();
      expect(await sharp(path).metadata()).toMatchObject({ format: 'png', width: 96, height: 64 });
      expect((await jobOf(id)).status).toBe('succeeded');
      await page.getByRole('button', { name: en.results.useAsInput }).click();
      await expectEventually(() => tiles(page).count()).toBe(1);
      expect(complaints).toEqual([]);
    },
    LONG,
  );

  it(
    'a whole edit is done by keyboard alone',
    async () => {
      const { page, complaints } = await visit(browser, apiOf(system));
      await page.getByRole('button', { name: en.editor.sampleCat }).waitFor();
      await tabTo(page, /Cat/);
      await page.keyboard.press('Enter');
      await expectEventually(() => tiles(page).count()).toBe(1);
      await expectEventually(() => page.getByTestId('announcer').textContent()).toBe(en.pictures.added(1));
      await tabTo(page, new RegExp(en.prompt.label.replace('?', '\\?')));
      await page.keyboard.type('each:50ms steps:4 size:96x64');
      await page.keyboard.press('Control+Enter');
      await idOfJob(page);
      await divider(page).waitFor();
      const before = Number(await divider(page).getAttribute('aria-valuenow'));
      await tabTo(page, new RegExp(en.stage.compare));
      await page.keyboard.press('PageUp');
      expect(Number(await divider(page).getAttribute('aria-valuenow'))).toBeGreaterThan(before);
      await tabTo(page, /Download/);
      const [download] = await Promise.all([page.waitForEvent('download'), page.keyboard.press('Enter')]);
      expect(await sharp(await download.path()).metadata()).toMatchObject({ width: 96, height: 64 });
      expect(complaints).toEqual([]);
    },
    LONG,
  );

  it(
    'two pictures are sent in the order that they were put in by keys',
    async () => {
      const { page } = await visit(browser, apiOf(system));
      const small = await pngFile('first.png');
      const large = await sharp({ create: { width: 40, height: 30, channels: 3, background: 'teal' } })
        .png()
        .toBuffer();
      await filePicker(page).setInputFiles([small, { name: 'second.png', mimeType: 'image/png', buffer: large }]);
      await expectEventually(() => tiles(page).count()).toBe(2);
      await page.locator('[data-tile]').nth(1).focus();
      await page.keyboard.press('Alt+ArrowLeft');
      await wish(page).fill('steps:1 size:64x48');
      await editButton(page).click();
      const job = await jobOf(await idOfJob(page));
      expect(job.input.images.map(({ width }) => width)).toEqual([40, 24]);
      await divider(page).waitFor();
    },
    LONG,
  );

  it(
    'a size is chosen by word or by number, shown before it is sent, and kept for the next edit',
    async () => {
      const { page, complaints } = await visit(browser, apiOf(system));
      const { sizeModes, sizeExpected, width, output_area } = en.settings;
      const draft = page.getByRole('radio', { name: /^Draft\b/ });
      const choose = (mode: string) => page.getByRole('radio', { name: mode, exact: true }).check();
      await filePicker(page).setInputFiles([await pngFile()]);
      await page.getByText(sizeExpected('1248×832')).waitFor();
      await choose(sizeModes.own);
      await page.getByRole('spinbutton', { name: output_area }).fill('65536');
      await page.getByText(sizeExpected('320×224')).waitFor();
      await page.getByRole('spinbutton', { name: width }).fill('320');
      await page.getByText(sizeExpected('320×216')).waitFor();
      expect(await page.getByRole('spinbutton', { name: output_area }).inputValue()).toBe('');
      // The preset changes nothing of an own size, and all of the automatic one.
      await draft.check();
      await page.getByText(sizeExpected('320×216')).waitFor();
      await choose(sizeModes.auto);
      await page.getByText(sizeExpected('640×416')).waitFor();
      await wish(page).fill('steps:1 size:64x48');
      await editButton(page).click();
      const { input } = await jobOf(await idOfJob(page));
      expect(input).toMatchObject({ preset: 'draft' });
      expect(Object.keys(input)).not.toContain('width');
      await divider(page).waitFor();
      await page.getByRole('button', { name: en.results.change }).click();
      expect(await draft.isChecked()).toBe(true);
      await page.getByRole('button', { name: en.settings.resetAll }).click();
      expect(await draft.isChecked()).toBe(false);
      expect(await page.getByRole('radio', { name: /^Standard\b/ }).isChecked()).toBe(true);
      expect(complaints).toEqual([]);
    },
    LONG,
  );

  it(
    'a job that is stopped stops, on the worker too',
    async () => {
      const { page } = await visit(browser, apiOf(system));
      const id = await sendEdit(page, 'each:300ms steps:100000');
      await stepLine(page).waitFor();
      await page.getByRole('button', { name: en.job.cancel, exact: true }).click();
      await page.getByRole('heading', { name: en.states.canceled }).waitFor();
      expect((await jobOf(id)).status).toBe('canceled');
      const next = await visit(browser, apiOf(system));
      await sendEdit(next.page, 'steps:1 size:64x48');
      await divider(next.page).waitFor();
    },
    LONG,
  );

  it(
    'a page that is loaded again in the middle of a job goes on with it',
    async () => {
      const { page, complaints } = await visit(browser, apiOf(system));
      const hold = holdIn(system);
      const id = await sendEdit(page, `steps:20 size:96x64 at:5 ${hold.words}`);
      await stepLine(page, '20').waitFor();
      await page.reload();
      await stepLine(page, '20').waitFor();
      await hold.letGo();
      await divider(page).waitFor();
      expect((await jobOf(id)).status).toBe('succeeded');
      expect(complaints).toEqual([]);
    },
    LONG,
  );

  it(
    'a service that is killed and comes back is said so, and its job ends on the same page',
    async () => {
      const url = apiOf(system);
      const { page } = await visit(browser, url);
      const hold = holdIn(system);
      const id = await sendEdit(page, `steps:30 size:96x64 at:5 ${hold.words}`);
      await stepLine(page, '30').waitFor();
      for (const member of system.everyone()) await member.stop('SIGKILL');
      await page.getByText(en.offline.lost).waitFor();
      await hold.letGo();
      await system.start('api', { PORT: new URL(url).port });
      // As if the lease of the killed worker had run out.
      const expire = `update jobs set lease_expires_at = now() where id = $1 and status = 'running'`;
      await pollUntil('a lease that is over', async () => {
        await queryOnce(await system.databaseUrl(), expire, [id]);
        return true;
      });
      await divider(page).waitFor();
      await expectEventually(() => page.getByText(en.offline.lost).count()).toBe(0);
      expect((await jobOf(id)).status).toBe('succeeded');
    },
    LONG,
  );

  it(
    'an answer that is lost on its way makes no second job',
    async () => {
      const { page } = await visit(browser, apiOf(system));
      const name = `lost-${Date.now()}`;
      let lost = 0;
      await page.route('**/v1/jobs', async (route) => {
        if (route.request().method() !== 'POST' || lost++ > 0) return route.continue();
        await route.fetch();
        await route.abort('connectionreset');
      });
      await sendEdit(page, `steps:1 size:64x48 ${name}`);
      await divider(page).waitFor();
      const { data } = (await (await fetch(`${apiOf(system)}/v1/jobs?q=${name}`)).json()) as { data: Job[] };
      expect(lost).toBe(2);
      expect(data.length).toBe(1);
    },
    LONG,
  );

  it(
    'what another tab sent appears in the history, and can be deleted there',
    async () => {
      const history = await visit(browser, `${apiOf(system)}/#/history`);
      const other = await visit(browser, apiOf(system));
      const words = `steps:1 size:64x48 tab-${Date.now()}`;
      const id = await sendEdit(other.page, words);
      await divider(other.page).waitFor();
      await history.page.evaluate(`dispatchEvent(new Event('focus'))`);
      await history.page.getByText(words).waitFor();
      await history.page.getByRole('searchbox').fill(words);
      await expectEventually(() => history.page.locator('.cards > li').count()).toBe(1);
      await history.page.getByRole('button', { name: en.history.deleteLabel(words) }).click();
      await history.page.getByRole('dialog').getByRole('button', { name: en.common.delete }).click();
      await history.page.getByText(en.history.nothingFound).waitFor();
      expect((await fetch(`${apiOf(system)}/v1/jobs/${id}`)).status).toBe(404);
      await other.page.reload();
      await other.page.getByRole('heading', { name: en.job.missing }).waitFor();
    },
    LONG,
  );
});
