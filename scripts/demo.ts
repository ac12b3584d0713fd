import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { createProgressBar, NO_BAR } from '@qwen-edit/cli/progress-bar';
import type { Client } from '@qwen-edit/client';
import { AppError, isErrorCode, type Job, progressDataSchema, type ServedModel, toAppError } from '@qwen-edit/contract';
import { z } from 'zod';
import { drawBeforeAfter, type Tile } from './demo/before-after.ts';
import { openService } from './demo/service.ts';

/** One edit of the demo; `label` is ASCII, because the picture's letters are. */
interface DemoEdit {
  readonly photos: readonly ('cat' | 'coffee')[];
  readonly prompt: string;
  readonly label: string;
  readonly file: string;
}

const EDITS: readonly DemoEdit[] = [
  {
    photos: ['cat'],
    prompt: 'make it black and white',
    label: 'After: make it black and white',
    file: 'edited.png',
  },
  {
    photos: ['coffee'],
    prompt: '把图片变成负片',
    label: 'After (Chinese prompt: turn it into a negative)',
    file: 'edited-2.png',
  },
  {
    photos: ['cat', 'coffee'],
    prompt: 'blend picture 1 and picture 2',
    label: 'After: blend picture 1 and picture 2',
    file: 'edited-3.png',
  },
];

const HEADLINE = 'Made by the demo model, which comes with the project';

const outputFolder = join(import.meta.dirname, '../demo-output');

function startBar() {
  if (!process.stderr.isTTY) return NO_BAR;
  return createProgressBar({
    write: (text) => process.stderr.write(text),
    now: () => performance.now(),
    style: () => ({ columns: process.stderr.columns || 80, color: process.stderr.hasColors() }),
  });
}

/** Shows a job's progress until it ends. Throws the job's error if it did not succeed. */
async function follow(client: Client, id: string): Promise<Job> {
  const bar = startBar();
  try {
    for await (const { type, data } of client.events(id)) {
      const progress = type === 'job.progress' ? progressDataSchema.safeParse(data).data : undefined;
      if (progress !== undefined) bar.onStep(progress);
    }
  } finally {
    bar.end();
  }
  const job = await client.get(id);
  if (job.status === 'succeeded') return job;
  const code = job.error !== null && isErrorCode(job.error.code) ? job.error.code : 'canceled';
  throw new AppError(code, job.error?.message ?? `The job ended ${job.status}.`);
}

function modelOf(job: Job): { name: string; digest: string; demo: boolean } | undefined {
  return z.object({ name: z.string(), digest: z.string(), demo: z.boolean() }).safeParse(job.receipt?.model).data;
}

/** The service's description of the model that made the job's results. */
async function findModel(client: Client, job: Job | undefined): Promise<ServedModel | undefined> {
  const made = job === undefined ? undefined : modelOf(job);
  const { data } = await client.models();
  return data.find(({ id, digest }) => (digest === null ? id === made?.name : digest === made?.digest));
}

/** Prints that this was a demo model, a prompt in both languages for each of its edits, and how to get the real model. */
function printModel({ demo, summary, edits, full_model }: ServedModel): void {
  if (!demo) return;
  console.log(`\n${summary?.en ?? 'This is a demo model: its edits are not those of the real one.'}`);
  const width = Math.max(0, ...edits.map(({ title }) => title.en.length));
  for (const { title, prompts, lora } of edits) {
    const needs = lora === undefined ? '' : `  (with --lora ${lora})`;
    console.log(`  ${title.en.padEnd(width)}  ${prompts.en[0]} / ${prompts.zh[0]}${needs}`);
  }
  if (full_model !== null) console.log(full_model.en);
}

function beforeLabel(index: number, count: number): string {
  return count === 1 ? 'Before' : `Picture ${index + 1}, before`;
}

function printFile(path: string, note: string): void {
  console.log(`${relative(process.cwd(), path)}  ${note}`);
}

async function demo(): Promise<void> {
  console.log('Three edits: a prompt in English, one in Chinese, and one about two pictures.\n');
  await mkdir(outputFolder, { recursive: true });
  const photos = {
    cat: await readFile(join(import.meta.dirname, 'demo/photos/cat.jpg')),
    coffee: await readFile(join(import.meta.dirname, 'demo/photos/coffee.jpg')),
  };

  const service = await openService();
  const rows: Tile[][] = [];
  let headline = HEADLINE;
  let model: ServedModel | undefined;
  try {
    console.log(`The service answers at ${service.url}\n`);
    const jobs = await Promise.all(
      EDITS.map(({ photos: names, prompt }) =>
        service.client.submit({
          images: names.map((name) => photos[name]),
          parameters: { prompt, output_format: 'png' },
        }),
      ),
    );
    let job: Job | undefined;
    for (const [i, { photos: names, prompt, label, file }] of EDITS.entries()) {
      job = await follow(service.client, jobs[i]!.id);
      if (modelOf(job)?.demo !== true) headline = `Made by ${modelOf(job)?.name ?? 'the model of the service'}`;
      const picture = await service.client.picture(job.id, 'outputs', 0);
      const bytes = new Uint8Array(await picture.arrayBuffer());
      const path = join(outputFolder, file);
      await writeFile(path, bytes);
      const before = names.map((name, n) => ({ bytes: photos[name], label: beforeLabel(n, names.length) }));
      rows.push([...before, { bytes, label }]);
      printFile(path, `"${prompt}" (${names.join(' + ')}), ${job.metrics.predict_time?.toFixed(1)} s`);
      for (const warning of job.warnings) console.log(`  warning: ${warning}`);
    }
    model = await findModel(service.client, job);
  } finally {
    await service.stop();
  }

  const sheet = join(outputFolder, 'before-after.png');
  await writeFile(sheet, await drawBeforeAfter(headline, rows));
  printFile(sheet, 'all of them');
  if (model !== undefined) printModel(model);
}

try {
  await demo();
} catch (thrown) {
  const { message, code, hint } = toAppError(thrown);
  console.error(`error: ${message} (${code})\n${hint}`);
  process.exitCode = 1;
}
