import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensurePageBuilt, pageDir } from '../../apps/web/index.ts';
import { en } from '../../apps/web/src/i18n/en.ts';
import { zh } from '../../apps/web/src/i18n/zh.ts';
import { reportWorker } from '../../packages/db/src/index.ts';
import { startTestApi, submitOne } from '../api/harness.ts';
import { browserSuites, openBrowser } from './chromium.ts';
import { PHONE, visit } from './visit.ts';

const TROUBLE =
  '/models/Qwen-Image-Edit-2511/transformer/diffusion_pytorch_model-00004-of-00005.safetensors is missing.';
const worker = (changes: object) => ({
  ...{ id: 'worker_a', host: 'h', pid: 1, device: 'cpu', gpuId: null, ready: false, lastError: TROUBLE },
  model: { name: 'Qwen-Image-Edit-2511', digest: 'abc' },
  ...changes,
});

const download = (bytes_done: number) => ({
  ...{ phase: 'downloading', bytes_done, bytes: 57_700_000_000, files_done: 7, files: 31 },
  ...{ bytes_per_second: 45_200_000, eta_seconds: 1003 },
});

it('what keeps an edit waiting has words in both languages', () => {
  for (const key of ['waitingNoWorker', 'waitingModel', 'waitingDownload', 'waitingFailed', 'waitingNewer'] as const)
    expect(zh.job[key]).not.toBe(en.job[key]);
});

describe.each(await browserSuites(['in Chromium']))('%s', () => {
  let browser: Browser;
  beforeAll(async () => {
    const log = { info: () => undefined, warn: () => undefined };
    [browser] = await Promise.all([openBrowser(), ensurePageBuilt({ log })]);
  }, 180_000);
  afterAll(() => browser?.close());

  it('the page of a waiting edit says what keeps the workers from being ready, and the start page too', async () => {
    const api = await startTestApi({ pageDir });
    const { id } = await submitOne(api);
    await reportWorker(api.database.db, worker({}));
    const { page, complaints } = await visit(browser, `${api.url}/#/jobs/${id}`);
    await page.getByText(en.job.waitingFailed).waitFor();
    await page.getByText(TROUBLE).waitFor();
    // It is downloaded again: the page notices by itself, and then follows how far that is.
    await reportWorker(api.database.db, worker({ lastError: null, download: download(12_345_000_000) }));
    await page.getByText(en.job.waitingDownload).waitFor();
    await page.getByText('12.3 GB of 57.7 GB', { exact: true }).waitFor();
    const bar = (at: Page, words = en) => at.getByRole('progressbar', { name: words.download.label }).first();
    expect(await bar(page).getAttribute('aria-valuenow')).toBe('21');
    await reportWorker(api.database.db, worker({ lastError: null, download: download(28_850_000_000) }));
    await page.locator('[aria-valuenow="50"]').waitFor();
    const reader = await visit(browser, `${api.url}/#/status`, { viewport: PHONE, locale: 'zh-CN' });
    await reader.page.getByText(zh.status.downloadingModel).waitFor();
    await reader.page.getByText('28.9 GB / 57.7 GB', { exact: true }).waitFor();
    expect(await bar(reader.page, zh).getAttribute('aria-valuenow')).toBe('50');
    expect(await reader.page.getByTestId('announcer').textContent()).toContain('28.9 GB / 57.7 GB');
    await reader.page.goto(`${api.url}/#/`);
    await reader.page.getByText(zh.editor.modelDownloading).waitFor();
    await bar(reader.page, zh).waitFor();
    expect(await reader.page.evaluate<number>('document.documentElement.scrollWidth - innerWidth')).toBe(0);
    expect(reader.complaints).toEqual([]);
    // It is there and is loaded.
    await reportWorker(api.database.db, worker({ lastError: null }));
    await page.getByText(en.job.waitingModel).waitFor();
    await page.getByText(TROUBLE).waitFor({ state: 'detached' });
    await api.database.pool.query('update jobs set needs_version = 1000000');
    await page.getByText(en.job.waitingNewer).waitFor();

    await reportWorker(api.database.db, worker({}));
    await api.database.pool.query('update jobs set needs_version = 1');
    const phone = await visit(browser, api.url, { viewport: PHONE, locale: 'zh-CN' });
    await phone.page.getByText(zh.editor.modelFailed).waitFor();
    await phone.page.getByText(TROUBLE).waitFor();
    const wide = await phone.page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
    expect(wide, 'a long path makes the page no wider').toBeLessThanOrEqual(0);
    expect([...complaints, ...phone.complaints]).toEqual([]);
  });
});
