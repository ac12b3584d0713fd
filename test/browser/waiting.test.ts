import type { Browser } from 'playwright-core';
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

it('what keeps an edit waiting has words in both languages', () => {
  for (const key of ['waitingNoWorker', 'waitingModel', 'waitingFailed', 'waitingNewer'] as const)
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
    // It loads again: the page notices by itself.
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
