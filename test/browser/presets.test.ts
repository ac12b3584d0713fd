import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Job } from '@qwen-edit/contract';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFailed } from 'vitest';
import { en } from '../../apps/web/src/i18n/en.ts';
import { zh } from '../../apps/web/src/i18n/zh.ts';
import { apiOf, submitPrompt } from '../e2e/calls.ts';
import { startEmbedded } from '../e2e/embedded.ts';
import type { System } from '../e2e/system.ts';
import { pollUntil } from '../e2e/waiting.ts';
import { browserSuites, openBrowser } from './chromium.ts';
import { FACTS, GONE, type OfferingModel, offeringModel, type PENCIL, SEPIA, WEIGHTS } from './offers.ts';
import {
  divider,
  editButton,
  expectEventually,
  filePicker,
  idOfJob,
  LONG_LEASES,
  pngFile,
  visit,
  wish,
} from './visit.ts';

const LONG = 600_000;
const LIGHTNING = en.presets.known['lightning-4']!.title;

it('the model of these tests offers what they need', () => {
  expect(FACTS.card.edits.some((edit) => 'lora' in edit && edit.lora === SEPIA.name)).toBe(true);
  expect(GONE).toContain(FACTS.loras.at(-1)?.name);
});

describe.each(await browserSuites(['in Chromium']))('%s', () => {
  let system: System;
  let browser: Browser;
  let model: OfferingModel;

  beforeAll(async () => {
    model = await offeringModel();
    browser = await openBrowser();
    system = await startEmbedded({ ...LONG_LEASES, ...model.env });
  }, LONG);
  beforeEach(() => onTestFailed(() => console.error(system.lastOutput())));
  afterAll(async () => {
    await browser?.close();
    await system?.remove();
    await model?.remove();
  }, LONG);

  const preset = (page: Page, name: string): Locator =>
    page.getByRole('group', { name: en.presets.label }).getByRole('radio', { name: new RegExp(`^${name}\\b`) });
  const steps = (page: Page): Locator =>
    page.getByRole('slider', { name: en.settings.sliders.num_inference_steps.label, exact: true });
  const example = (page: Page, title: string): Locator => page.getByRole('button', { name: title, exact: true });
  const loraSwitch = (page: Page, { title }: typeof SEPIA | typeof PENCIL): Locator =>
    page.getByRole('checkbox', { name: title.en, exact: true });
  const openAdvanced = (page: Page): Promise<void> => page.getByText(en.settings.advanced, { exact: true }).click();

  /** What a row of the receipt says. */
  async function receiptRow(page: Page, name: string): Promise<string[]> {
    await page.locator('details.receipt').evaluate('(details) => details.setAttribute("open", "")');
    return page.locator('details.receipt .facts > div').filter({ hasText: name }).locator('dd').allTextContents();
  }

  async function send(page: Page): Promise<Job> {
    await editButton(page).click();
    const id = await idOfJob(page);
    await divider(page).waitFor();
    return (await (await fetch(`${apiOf(system)}/v1/jobs/${id}`)).json()) as Job;
  }

  async function visitWithPicture(): Promise<{ page: Page; complaints: readonly string[] }> {
    const visited = await visit(browser, apiOf(system));
    await filePicker(visited.page).setInputFiles([await pngFile()]);
    await preset(visited.page, LIGHTNING).waitFor({ state: 'attached' });
    return visited;
  }

  it(
    'a preset is chosen by keyboard, changes what is recommended, is sent, and the receipt shows it',
    async () => {
      const { page, complaints } = await visitWithPicture();
      expect(await preset(page, 'Standard').isChecked()).toBe(true);
      expect(await steps(page).inputValue()).toBe('40');
      await preset(page, 'Standard').focus();
      await page.keyboard.press('ArrowRight');
      expect(await preset(page, 'Draft').isChecked()).toBe(true);
      await page.getByText(en.settings.sizeExpected('640×416')).waitFor();
      await page.keyboard.press('ArrowRight');
      expect(await preset(page, LIGHTNING).isChecked()).toBe(true);
      await expectEventually(() => steps(page).inputValue()).toBe('4');
      await wish(page).fill('size:64x48');
      const { input } = await send(page);
      expect(input).toMatchObject({ preset: 'lightning-4' });
      expect(Object.keys(input)).not.toContain('num_inference_steps');
      expect(await receiptRow(page, en.receipt.preset)).toEqual([LIGHTNING]);
      const digest = createHash('sha256')
        .update(await readFile(WEIGHTS))
        .digest('hex')
        .slice(0, 12);
      expect(await receiptRow(page, en.receipt.loras)).toEqual([
        `Pencil × 0.5 · pencil.safetensors · sha256:${digest}…`,
      ]);
      expect(await receiptRow(page, en.receipt.speed)).toEqual([en.receipt.computed('Exact', '4', '4')]);
      expect(complaints).toEqual([]);
    },
    LONG,
  );

  it(
    'a preset that cannot be used now says why, and cannot be chosen',
    async () => {
      const { page } = await visitWithPicture();
      const eight = preset(page, en.presets.known['lightning-8']!.title);
      expect(await eight.isDisabled()).toBe(true);
      await page.getByText(GONE).first().waitFor();
      await preset(page, LIGHTNING).check();
      await page.keyboard.press('ArrowRight');
      expect(await eight.isChecked()).toBe(false);
      expect(await preset(page, 'Standard').isChecked()).toBe(true);
    },
    LONG,
  );

  it(
    'an own wish goes before the preset until it is given up, and a reload keeps both',
    async () => {
      const { page } = await visitWithPicture();
      await steps(page).fill('12');
      await preset(page, LIGHTNING).check();
      const note = page.getByText(en.presets.own(en.settings.sliders.num_inference_steps.label));
      await note.waitFor();
      expect(await steps(page).inputValue()).toBe('12');
      await page.reload();
      await note.waitFor();
      expect(await preset(page, LIGHTNING).isChecked()).toBe(true);
      await page.getByRole('button', { name: en.presets.takeIts }).click();
      await expectEventually(() => steps(page).inputValue()).toBe('4');
      expect(await note.count()).toBe(0);
    },
    LONG,
  );

  it(
    'an example with a LoRA switches it on, says so and sends it; the next example switches it off',
    async () => {
      const { page, complaints } = await visitWithPicture();
      await example(page, 'Old photo').click();
      await page.getByText(en.prompt.loraOn(SEPIA.title.en)).waitFor();
      await openAdvanced(page);
      expect(await loraSwitch(page, SEPIA).isChecked()).toBe(true);
      await example(page, 'Black and white').click();
      expect(await loraSwitch(page, SEPIA).isChecked()).toBe(false);
      expect(await page.getByText(en.prompt.loraOn(SEPIA.title.en)).count()).toBe(0);
      await example(page, 'Old photo').click();
      const { input } = await send(page);
      expect(input).toMatchObject({ prompt: 'make it look like an old photo', lora: [{ name: 'sepia', scale: 1 }] });
      expect((await receiptRow(page, en.receipt.loras))[0]).toMatch(/^Old photo × 1 · sepia\.safetensors/);
      expect(complaints).toEqual([]);
    },
    LONG,
  );

  it(
    'LoRA, scale and speed are set by hand, sent, shown, and there again for the next edit',
    async () => {
      const { page, complaints } = await visitWithPicture();
      await openAdvanced(page);
      expect(await page.getByRole('checkbox', { name: 'Lost', exact: true }).isDisabled()).toBe(true);
      await loraSwitch(page, SEPIA).check();
      const scale = page.getByRole('spinbutton', { name: en.loras.scale(SEPIA.title.en) });
      await scale.fill('-9');
      await scale.blur();
      expect(await scale.inputValue()).toBe('-4');
      await scale.fill('0.35');
      await page.getByRole('radio', { name: en.settings.choices.speed.values.balanced!, exact: true }).check();
      await wish(page).fill('size:64x48');
      const { input } = await send(page);
      expect(input).toMatchObject({ lora: [{ name: 'sepia', scale: 0.35 }], speed: 'balanced' });
      expect(await receiptRow(page, en.receipt.speed)).toEqual([en.receipt.computed('Balanced', '27', '40')]);
      await page.getByRole('button', { name: en.results.code }).click();
      const code = await page.getByRole('dialog').getByRole('textbox').inputValue();
      expect(code).toContain('"lora":[{"name":"sepia","scale":0.35}]');
      expect(code).toContain('"speed":"balanced"');
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: en.results.change }).click();
      await openAdvanced(page);
      expect(await loraSwitch(page, SEPIA).isChecked()).toBe(true);
      expect(await scale.inputValue()).toBe('0.35');
      await page.getByRole('button', { name: en.settings.resetAll }).click();
      expect(await loraSwitch(page, SEPIA).isChecked()).toBe(false);
      expect(complaints).toEqual([]);
    },
    LONG,
  );

  it(
    'a LoRA that the service refuses is told in the reader’s language',
    async () => {
      const job = await submitPrompt(system, 'steps:1', { lora: [{ path: '/nowhere/any.safetensors' }] });
      await pollUntil('a job that has failed', async () => {
        const now = (await (await fetch(`${apiOf(system)}/v1/jobs/${job.id}`)).json()) as Job;
        return now.status === 'failed';
      });
      const { page } = await visit(browser, `${apiOf(system)}/#/jobs/${job.id}`, { locale: 'zh-CN' });
      await page.getByText(zh.errors.byCode.lora_refused!.title).waitFor();
    },
    LONG,
  );
});
