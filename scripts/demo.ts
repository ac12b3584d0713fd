import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { createProgressBar, NO_BAR } from '@qwen-edit/cli/progress-bar';
import type { Client } from '@qwen-edit/client';
import { AppError, isErrorCode, type Job, progressDataSchema, toAppError } from '@qwen-edit/contract';
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
    prompt: 'Turn this photo into grayscale',
    label: 'Picture 1: turn this photo into grayscale',
    file: 'edited.png',
  },
  {
    photos: ['cat'],
    prompt: '给画面加上绿色调',
    label: 'Picture 1 (Chinese prompt: add a green tint)',
    file: 'edited-2.png',
  },
  {
    photos: ['cat', 'coffee'],
    prompt: 'Blend the two pictures',
    label: 'Pictures 1 + 2: blend the two pictures',
    file: 'edited-3.png',
  },
];

const HEADLINE = 'Made by the demo model: 3.9 M parameters, trained on made-up pictures';

const outputFolder = join(import.meta.dirname, '../demo-output');

function startBar() {
  if (!process.stderr.isTTY) return NO_BAR;
  return createProgressBar({
    write: (text) => process.stderr.write(text),
    now: () => performance.now(),
    style: () => ({ columns: process.stderr.columns || 80, color: process.stderr.hasColors() }),
  });
}

/** Shows a job's progress until its end. Throws its error where it did not succeed. */
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

function modelOf(job: Job): { name: string; demo: boolean } | undefined {
  return z.object({ name: z.string(), demo: z.boolean() }).safeParse(job.receipt?.model).data;
}

function tell(path: string, note: string): void {
  console.log(`${relative(process.cwd(), path)}  ${note}`);
}

async function demo(): Promise<void> {
  console.log('Three edits with the demo model: 3.9 M parameters, trained on made-up pictures.');
  console.log('It shows that the pipeline works, not how well Qwen-Image-Edit-2511 edits.\n');
  await mkdir(outputFolder, { recursive: true });
  const photos = {
    cat: await readFile(join(import.meta.dirname, 'demo/photos/cat.jpg')),
    coffee: await readFile(join(import.meta.dirname, 'demo/photos/coffee.jpg')),
  };

  const service = await openService();
  const results: Tile[] = [];
  let headline = HEADLINE;
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
    for (const [i, { photos: names, prompt, label, file }] of EDITS.entries()) {
      const job = await follow(service.client, jobs[i]!.id);
      if (modelOf(job)?.demo !== true) headline = `Made by ${modelOf(job)?.name ?? 'the model of the service'}`;
      const bytes = await service.client.output(job.id, 0);
      const path = join(outputFolder, file);
      await writeFile(path, bytes);
      results.push({ bytes, label });
      tell(path, `"${prompt}" (${names.join(' + ')}), ${job.metrics.predict_time?.toFixed(1)} s`);
    }
  } finally {
    await service.stop();
  }

  const before = [
    { bytes: photos.cat, label: 'Picture 1, before' },
    { bytes: photos.coffee, label: 'Picture 2, before' },
  ];
  const sheet = join(outputFolder, 'before-after.png');
  await writeFile(sheet, await drawBeforeAfter(headline, [before, results]));
  tell(sheet, 'all of them');
}

try {
  await demo();
} catch (thrown) {
  const { message, code, hint } = toAppError(thrown);
  console.error(`error: ${message} (${code})\n${hint}`);
  process.exitCode = 1;
}
