import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { createProgressBar, NO_BAR } from '@qwen-edit/cli/progress-bar';
import { toAppError } from '@qwen-edit/contract';
import { demoModelDir } from '@qwen-edit/demo-model';
import { createPipeline } from '@qwen-edit/pipeline';
import { drawBeforeAfter, type Tile } from './demo/before-after.ts';

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

  const loading = startBar();
  const pipeline = await createPipeline({ modelDir: demoModelDir, onStep: loading.onStep }).finally(loading.end);
  const results: Tile[] = [];
  try {
    for (const { photos: names, prompt, label, file } of EDITS) {
      const bar = startBar();
      const request = { images: names.map((name) => photos[name]), parameters: { prompt } };
      const { outputs, timings } = await pipeline.edit(request, { onStep: bar.onStep }).finally(bar.end);
      const path = join(outputFolder, file);
      for (const { bytes } of outputs) {
        await writeFile(path, bytes);
        results.push({ bytes, label });
      }
      tell(path, `"${prompt}" (${names.join(' + ')}), ${timings.total_s.toFixed(1)} s`);
    }
  } finally {
    await pipeline.close();
  }

  const before = [
    { bytes: photos.cat, label: 'Picture 1, before' },
    { bytes: photos.coffee, label: 'Picture 2, before' },
  ];
  const sheet = join(outputFolder, 'before-after.png');
  await writeFile(sheet, await drawBeforeAfter(HEADLINE, [before, results]));
  tell(sheet, 'all of them');
}

try {
  await demo();
} catch (thrown) {
  const { message, code, hint } = toAppError(thrown);
  console.error(`error: ${message} (${code})\n${hint}`);
  process.exitCode = 1;
}
