import { AppError } from '@qwen-edit/contract';
import type { PullProgress, pullModel } from '@qwen-edit/hub';
import type { ModelFacts } from '@qwen-edit/pipeline';
import { expect, it } from 'vitest';
import { createModelFetcher } from './fetch-model.ts';

type PullOptions = Parameters<typeof pullModel>[2];

const FACTS: ModelFacts = {
  ...{ name: 'm', digest: 'd', demo: false, num_inference_steps: 1, true_cfg_scale: 1, min_inference_steps: 1 },
  ...{ vae_image_size: 1, condition_image_size: 1, output_image_size: 1, size_multiple: 1 },
  ...{ reference_size: 'area', max_images: 8, device: 'cpu', precision: 'fp32' },
};
const PROGRESS: PullProgress = {
  ...{ phase: 'downloading', filesDone: 1, files: 2, bytesDone: 5, bytes: 10, bytesPerSecond: 1, etaSeconds: 5.2 },
};

interface Hub {
  readonly here?: string;
  readonly noConfigurations?: boolean;
  /** What is wrong with the folder. */
  readonly fault?: AppError;
}

function setUp({ here, noConfigurations = false, fault }: Hub = {}) {
  const pulls: (PullOptions & { done(): void; fail(error: AppError): void })[] = [];
  const lines: string[] = [];
  const shown: unknown[] = [];
  const stopping = new AbortController();
  const time = { now: 0, inspected: 0 };
  const fetcher = createModelFetcher({
    chosen: { kind: 'hub', ref: { repo: 'me/mine', revision: 'main' }, localDir: undefined, from: 'QWEN_EDIT_MODEL' },
    hub: { endpoint: 'http://hub', cacheDir: '/cache', offline: false },
    log: { info: (...line: unknown[]) => void lines.push(String(line[1])) },
    signal: stopping.signal,
    onProgress: (progress) => shown.push(progress?.bytesDone),
    now: () => time.now,
    find: async () => here,
    pull: (_ref, _hub, options) =>
      new Promise((resolve, reject) => {
        const result = { dir: '/cache/m', commit: 'c', files: 2, bytes: 10, downloaded: 10, verified: 10, leftOut: [] };
        if (options.include !== undefined) {
          options.onProgress?.(PROGRESS);
          if (noConfigurations) reject(new AppError('usage', 'me/mine has no file that matches model_index.json.'));
          else resolve(result);
          return;
        }
        options.signal.addEventListener('abort', () => reject(new AppError('canceled', 'The download was stopped.')));
        pulls.push({ ...options, done: () => resolve(result), fail: reject });
      }),
    inspect: async () => {
      time.inspected++;
      if (fault !== undefined) throw fault;
      return FACTS;
    },
  });
  const heard: number[] = [];
  const fetch = (signal = new AbortController().signal) =>
    fetcher.fetch({ signal, onProgress: ({ bytes_done }) => heard.push(bytes_done) });
  return { fetcher, fetch, heard, pulls, lines, shown, stopping, time };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

it('of several workers one downloads, and all hear how far it is and get the folder', async () => {
  const { fetch, heard, pulls, shown } = setUp();
  const first = fetch();
  await turn();
  pulls[0]?.onProgress?.(PROGRESS);
  const second = fetch();
  expect(heard).toEqual([5, 5]);
  pulls[0]?.onProgress?.({ ...PROGRESS, bytesDone: 6 });
  expect(heard).toEqual([5, 5, 6, 6]);
  pulls[0]?.done();
  expect(await Promise.all([first, second])).toEqual([
    { dir: '/cache/m', facts: FACTS },
    { dir: '/cache/m', facts: FACTS },
  ]);
  expect(pulls).toHaveLength(1);
  expect(shown, 'the terminal is told that it is over').toEqual([5, 6, undefined]);
});

it('what is whole is not downloaded, and its folder is read once however often an engine starts', async () => {
  const { fetch, pulls, time } = setUp({ here: '/cache/there' });
  expect(await fetch()).toMatchObject({ dir: '/cache/there' });
  await fetch();
  expect(pulls).toEqual([]);
  expect(time.inspected).toBe(1);
});

it('another kind of model is refused before it is downloaded', async () => {
  const fault = new AppError('model_unsupported', 'It is another kind of model.', { hint: 'Take another.' });
  const [other, none] = [setUp({ fault }), setUp({ noConfigurations: true })];
  await expect(other.fetch()).rejects.toMatchObject({ message: 'It is another kind of model. Take another.' });
  await expect(none.fetch()).rejects.toMatchObject({
    code: 'model_unsupported',
    message: expect.stringContaining('Name a model in the layout of diffusers'),
  });
  expect([...other.pulls, ...none.pulls]).toEqual([]);
  const incomplete = setUp({ fault: new AppError('model_incomplete', 'The weights are missing.') });
  const fetching = incomplete.fetch();
  await turn();
  expect(incomplete.pulls).toHaveLength(1);
  incomplete.pulls[0]?.done();
  await expect(fetching).rejects.toMatchObject({ code: 'model_incomplete' });
});

it('a failure says what to do in the one text that a worker shows, and the next call downloads again', async () => {
  const { fetch, pulls } = setUp();
  const failing = fetch();
  await turn();
  pulls[0]?.fail(new AppError('disk_full', 'There is no room.', { hint: 'Free 3 GB.' }));
  await expect(failing).rejects.toMatchObject({ code: 'disk_full', message: 'There is no room. Free 3 GB.' });
  const again = fetch();
  await turn();
  pulls[1]?.done();
  expect(await again).toMatchObject({ dir: '/cache/m' });
});

it('one worker that gives up leaves the download to the others; the stop of the process ends it', async () => {
  const { fetcher, fetch, pulls, stopping } = setUp();
  const impatient = new AbortController();
  const [one, other] = [fetch(impatient.signal), fetch()];
  await turn();
  impatient.abort();
  await expect(one).rejects.toMatchObject({ code: 'canceled' });
  expect(pulls[0]?.signal.aborted).toBe(false);
  stopping.abort();
  await expect(other).rejects.toMatchObject({ code: 'canceled' });
  await fetcher.settled();
});

it('the log has a line at the begin and the end of a download, and one each half minute', async () => {
  const { fetch, pulls, lines, time } = setUp();
  const fetching = fetch();
  await turn();
  for (let second = 0; second < 70; second++) {
    time.now += 1000;
    pulls[0]?.onProgress?.(PROGRESS);
  }
  pulls[0]?.done();
  await fetching;
  expect(lines).toEqual([
    'the model is downloaded first',
    'the model is being downloaded: 5 of 10 B, 1 B/s, about 5 seconds left',
    'the model is being downloaded: 5 of 10 B, 1 B/s, about 5 seconds left',
    'the model is downloaded',
  ]);
});
