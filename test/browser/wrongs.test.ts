import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LIMITS, type ModelList } from '@qwen-edit/contract';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { en } from '../../apps/web/src/i18n/en.ts';
import { apiOf, submitPrompt } from '../e2e/calls.ts';
import { startEmbedded } from '../e2e/embedded.ts';
import { runCommand } from '../e2e/processes.ts';
import type { System } from '../e2e/system.ts';
import { browserSuites, openBrowser } from './chromium.ts';
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
/** One more than the limit of a picture, as /v1/models tells it. */
const TOO_MANY_BYTES = 250_000_001;

const file = (name: string, bytes: string, mimeType = 'image/png') => ({
  name,
  mimeType,
  buffer: Buffer.from(bytes, 'latin1'),
});

it('the limit of pictures is one that a person can exceed', () => {
  expect(LIMITS.images).toBeLessThan(30);
});

describe.each(await browserSuites(['in Chromium']))('%s', () => {
  let system: System;
  let browser: Browser;

  beforeAll(async () => {
    browser = await openBrowser();
    system = await startEmbedded(LONG_LEASES);
  }, LONG);
  afterAll(async () => {
    await browser?.close();
    await system?.remove();
  }, LONG);

  it(
    'a model that takes one picture is offered no second one, and one too many is said before it is sent',
    async () => {
      const { page, complaints } = await visit(browser, apiOf(system));
      const { promise: pictures, resolve: arePicturesThere } = Promise.withResolvers<void>();
      await page.route('**/v1/models', async (route) => {
        await pictures;
        const answer = await route.fetch();
        const models = (await answer.json()) as ModelList;
        for (const model of models.data) model.limits.max_images = 1;
        await route.fulfill({ response: answer, json: models });
      });
      await page.reload();
      await filePicker(page).setInputFiles([await pngFile('first.png'), await pngFile('second.png')]);
      await expectEventually(() => tiles(page).count()).toBe(2);
      await wish(page).fill('make it blue');
      arePicturesThere();
      await page.getByText(en.submit.too_many_pictures).waitFor();
      expect(await editButton(page).isEnabled()).toBe(false);

      await page.getByRole('button', { name: en.pictures.remove(2) }).click();
      await expectEventually(() => editButton(page).isEnabled()).toBe(true);
      expect(await page.getByRole('button', { name: en.editor.addMore }).count()).toBe(0);
      await page.getByText(en.pictures.full(1)).waitFor();
      expect(complaints).toEqual([]);
    },
    LONG,
  );

  it(
    'a file that is no picture, an empty one and a HEIC photo are refused in words, by name; the good one is taken',
    async () => {
      const { page, complaints } = await visit(browser, apiOf(system));
      await filePicker(page).setInputFiles([
        file('notes.png', 'just words'),
        file('nothing.jpg', '', 'image/jpeg'),
        file('phone.heic', '\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'image/heic'),
        await pngFile('good.png'),
      ]);
      const { no_picture, empty, heic } = en.pictures.refused;
      for (const words of [no_picture('notes.png'), empty('nothing.jpg'), heic('phone.heic')]) {
        await page.getByText(words).waitFor();
      }
      await expectEventually(() => tiles(page).count()).toBe(1);
      expect(complaints).toEqual([]);
    },
    LONG,
  );

  it(
    'a file that is too large is refused before it is sent',
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'qwen-edit-large-'));
      try {
        const path = join(folder, 'huge.png');
        const handle = await open(path, 'w');
        await handle.write(Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'));
        await handle.truncate(TOO_MANY_BYTES);
        await handle.close();
        const { page } = await visit(browser, apiOf(system));
        await filePicker(page).setInputFiles(path);
        await page.getByText(/“huge\.png” is too large/).waitFor();
        expect(await tiles(page).count()).toBe(0);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
    LONG,
  );

  it(
    'of 30 files at once as many are taken as an edit takes, and the page says so',
    async () => {
      const { page } = await visit(browser, apiOf(system));
      await filePicker(page).setInputFiles(
        await Promise.all(Array.from({ length: 30 }, (_, i) => pngFile(`many-${i}.png`))),
      );
      await page.getByText(en.pictures.leftOut(30 - LIMITS.images, LIMITS.images)).waitFor();
      expect(await tiles(page).count()).toBe(LIMITS.images);
    },
    LONG,
  );

  it(
    'a prompt over the limit is counted, and not sent',
    async () => {
      const { page } = await visit(browser, apiOf(system));
      await filePicker(page).setInputFiles([await pngFile()]);
      await wish(page).fill('x'.repeat(LIMITS.promptCharacters + 3));
      await page.getByText(en.prompt.tooLong('3')).waitFor();
      await page.getByText(en.submit.prompt_too_long).waitFor();
      expect(await editButton(page).getAttribute('aria-disabled')).toBe('true');
      await wish(page).press('Control+Enter');
      expect(page.url()).not.toContain('job_');
    },
    LONG,
  );

  it(
    'a picture that only the service can judge is refused with its reason, a remedy and the request',
    async () => {
      const whole = await pngFile('torn.png');
      const { page } = await visit(browser, apiOf(system));
      await filePicker(page).setInputFiles([{ ...whole, buffer: whole.buffer.subarray(0, 40) }]);
      await wish(page).fill('steps:1');
      await editButton(page).click();
      const alert = page.getByRole('alert');
      await alert.waitFor();
      expect(await alert.innerText()).toMatch(/Request/);
      expect(await wish(page).inputValue()).toBe('steps:1');
    },
    LONG,
  );

  it(
    'a job that fails says what happened and offers to change it',
    async () => {
      const { page } = await visit(browser, apiOf(system));
      await sendEdit(page, 'fail:image_invalid');
      await page.getByRole('heading', { name: en.states.failed }).waitFor();
      await page.getByRole('button', { name: en.results.change }).click();
      await expectEventually(() => wish(page).inputValue()).toBe('fail:image_invalid');
      await expectEventually(() => tiles(page).count()).toBe(1);
    },
    LONG,
  );

  it(
    'a request to stop that does not arrive is said to have failed, and can be made again',
    async () => {
      const { page } = await visit(browser, apiOf(system));
      await sendEdit(page, 'stay');
      await stepLine(page).waitFor();
      await page.route('**/cancel', (route) => route.abort(), { times: 1 });
      const stop = page.getByRole('button', { name: en.job.cancel, exact: true });
      await stop.click();
      await page.getByRole('alert').waitFor();
      await stop.click();
      await page.getByRole('heading', { name: en.states.canceled }).waitFor();
    },
    LONG,
  );

  it(
    'a full queue is shown as one, with when to come back, and the form is kept',
    async () => {
      const url = apiOf(system);
      const [service] = system.everyone();
      await service!.stop();
      await system.start('api', { PORT: new URL(url).port, QWEN_EDIT_MAX_QUEUE: '1' });
      const running = await submitPrompt(system, 'stay');
      const { page } = await visit(browser, `${url}/#/jobs/${running.id}`);
      await stepLine(page).waitFor();
      const waiting = await submitPrompt(system, 'steps:1');
      await page.goto(`${url}/#/`);
      await filePicker(page).setInputFiles([await pngFile()]);
      await wish(page).fill('steps:1 size:64x48');
      await editButton(page).click();
      await page.getByText(en.submit.full, { exact: true }).waitFor();
      expect(await wish(page).inputValue()).toBe('steps:1 size:64x48');
      for (const { id } of [waiting, running]) await fetch(`${url}/v1/jobs/${id}/cancel`, { method: 'POST' });
      await expectEventually(() => editButton(page).getAttribute('aria-disabled')).toBe('false');
      await editButton(page).click();
      await idOfJob(page);
      await divider(page).waitFor();
    },
    LONG,
  );

  it(
    'a job behind others says how many are before it',
    async () => {
      const running = await submitPrompt(system, 'stay');
      const { page } = await visit(browser, `${apiOf(system)}/#/jobs/${running.id}`);
      await stepLine(page).waitFor();
      const waiting = await submitPrompt(system, 'steps:1');
      await page.goto(`${apiOf(system)}/#/jobs/${waiting.id}`);
      await page.getByText(en.job.next).waitFor();
      await fetch(`${apiOf(system)}/v1/jobs/${running.id}/cancel`, { method: 'POST' });
      await divider(page).waitFor();
    },
    LONG,
  );

  it(
    'a service that is away when an edit is sent gets it when it is back',
    async () => {
      const url = apiOf(system);
      const { page } = await visit(browser, url);
      await filePicker(page).setInputFiles([await pngFile()]);
      await wish(page).fill('steps:1 size:64x48 away');
      const [service] = system.everyone();
      await service!.stop();
      await editButton(page).click();
      await page.getByText(en.submit.reconnecting).waitFor();
      await system.start('api', { PORT: new URL(url).port });
      await idOfJob(page);
      await divider(page).waitFor();
    },
    LONG,
  );

  it(
    'a link to nothing says so, for a job and for a page',
    async () => {
      const { page } = await visit(browser, `${apiOf(system)}/#/jobs/job_00000000-0000-7000-8000-000000000000`);
      await page.getByRole('heading', { name: en.job.missing }).waitFor();
      await page.goto(`${apiOf(system)}/#/nowhere`);
      await page.getByRole('heading', { name: en.unknown.heading }).waitFor();
    },
    LONG,
  );

  // The last one: from here on the service asks for a key.
  it(
    'a service with keys asks for one, refuses a wrong one, and shows pictures to who has it',
    async () => {
      const url = apiOf(system);
      const { id } = await submitPrompt(system, 'steps:1 size:64x48');
      const made = runCommand(
        ['keys', 'create', '--name', 'page', '--owner', 'local', '--scopes', 'submit,read'],
        { QWEN_EDIT_DATA_DIR: join(system.folder, 'data') },
        system.folder,
      );
      const [key] = await made.until(/qe_[\w.-]{20,}/);
      await made.ended;
      // The service knows within seconds.
      await expectEventually(async () => (await fetch(`${url}/v1/jobs`)).status).toBe(401);
      const { page } = await visit(browser, `${url}/#/jobs/${id}`);
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel(en.key.label).fill('qe_wrong');
      await dialog.getByRole('button', { name: en.key.submit }).click();
      await page.getByText(en.key.wrong).waitFor();
      await dialog.getByLabel(en.key.label).fill(key);
      await dialog.getByRole('button', { name: en.key.submit }).click();
      await divider(page).waitFor();
      await page.goto(`${url}/#/history`);
      await page.locator('.cards img').first().waitFor();
      await expectEventually(() => page.evaluate(`document.querySelector('.cards img').naturalWidth > 0`)).toBe(true);
    },
    LONG,
  );
});
