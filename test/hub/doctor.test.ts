import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { verifyModel } from '@qwen-edit/pipeline';
import { expect, it } from 'vitest';
import { readConfig } from '../../apps/cli/src/config.ts';
import type { DoctorDeps } from '../../apps/cli/src/doctor/check.ts';
import { checkDisk } from '../../apps/cli/src/doctor/checks/disk.ts';
import { checkHub } from '../../apps/cli/src/doctor/checks/hub.ts';
import { checkModel } from '../../apps/cli/src/doctor/checks/model.ts';
import { chooseModel, findChosen } from '../../apps/cli/src/model/choose-model.ts';
import { hubSettings } from '../../apps/cli/src/model/hub-settings.ts';
import { type HubHarness, SHARD, startHarness } from './harness.ts';

const never = new AbortController().signal;
const SMALL = 'Qwen/Small-Image-Edit';
const smallHub = (): Promise<HubHarness> => startHarness({}, { repo: SMALL });
const CONFIGURATIONS = { include: ['*.json'] };

interface Asked {
  readonly env?: Readonly<Record<string, string>>;
  readonly flag?: string;
  readonly free?: number;
}

async function depsOf({ settings, folder, hub }: HubHarness, { env = {}, flag, free = 1e12 }: Asked = {}) {
  const config = readConfig({
    ...{ HF_ENDPOINT: hub.endpoint, HF_HUB_CACHE: settings.cacheDir, HF_HOME: folder },
    ...{ QWEN_EDIT_MODEL: SMALL, ...env },
  });
  const chosen = await chooseModel({ flag, config, demoModelDir: '/the/demo/model' });
  const settled = await hubSettings(config);
  const deps: Partial<DoctorDeps> = {
    ...{ config, chosen, hub: settled, verifyModel, modelDir: await findChosen(chosen, settled) },
    engines: { engines: [[{ name: 'cpu', index: 0 }]], notes: [] },
    inspectModel: () => Promise.reject(new Error('noise is no model')),
    host: { freeBytes: async () => free } as unknown as DoctorDeps['host'],
  };
  return deps as DoctorDeps;
}

type Check = typeof checkModel;
/** What a check says, a line for each finding. */
async function said(check: Check, harness: HubHarness, asked: Asked = {}): Promise<string> {
  const findings = await check(await depsOf(harness, asked), never);
  return findings
    .map(({ status, code, message, remedy = '' }) => [status, code, message, remedy].filter(Boolean).join(' '))
    .join('\n');
}

it('a model that is not here is named with the command that gets it, and the hub is asked whether it has it', async () => {
  const harness = await smallHub();
  const model = await said(checkModel, harness);
  expect(model).toContain(`note ${SMALL} is not in the cache`);
  expect(model).toContain(`\`qwen-edit model pull ${SMALL}\``);
  expect(await said(checkHub, harness)).toMatch(/^ok 127\.0\.0\.1:\d+ has Qwen\/Small-Image-Edit$/);
  expect(harness.hub.requests.map(({ url }) => url)).toEqual([expect.stringContaining(`/api/models/${SMALL}/`)]);
  expect(await said(checkModel, harness, { flag: 'me/mine@v1' })).toContain('`qwen-edit model pull me/mine@v1`');
});

it('a model that is not whole tells what is missing and how much is here; a whole one is looked at, and nobody asked', async () => {
  const harness = await smallHub();
  await harness.pull(CONFIGURATIONS);
  const model = await said(checkModel, harness);
  expect(model).toMatch(
    /^note .* is not whole in .*: .*, tokenizer\/merges\.txt and 3 more are missing; \d+ bytes are there/,
  );
  expect(model).toContain(`\`qwen-edit model pull ${SMALL}\``);
  // The check of the model has told it.
  expect(await said(checkHub, harness)).not.toContain('is not whole');
  expect(await said(checkHub, harness, { flag: '/another/folder' })).toContain(`note ${SMALL} main is not whole`);

  const { dir } = await harness.pull();
  const asked = harness.hub.requests.length;
  expect(await said(checkHub, harness, { env: { HF_ENDPOINT: '' } })).toMatch(
    /^ok Qwen\/Small-Image-Edit main is in the cache: .*\nok no model is to be downloaded, so the hub was not called$/,
  );
  expect(harness.hub.requests).toHaveLength(asked);
  // The sizes that the hub lists are what verify compares with.
  await rm(join(dir, SHARD));
  await writeFile(join(dir, SHARD), (await readFile(join(dir, 'tokenizer/merges.txt'))).subarray(0, 9));
  const named = await said(checkModel, harness, { flag: dir });
  expect(named).toMatch(/problem model_corrupt .*diffusion_pytorch_model-00001-of-00002\.safetensors/);
});

it.each([
  ['the cache', undefined],
  ['a folder', 'model'],
])(
  'while the model is downloaded into %s, how much of it is here is told, and nobody is sent to download it',
  async (_, name) => {
    const harness = await smallHub();
    const held = harness.hub.holdAfter(40_000);
    const localDir = name && join(harness.folder, name);
    const pulled = harness.pull({ localDir });
    await held;
    const env = localDir === undefined ? {} : { QWEN_EDIT_2511_DIR: localDir };
    const beside = await said(checkModel, harness, { env });
    const alone = localDir === undefined ? beside : await said(checkModel, harness, { flag: localDir });
    harness.hub.goOn();
    await pulled;
    for (const text of [beside, alone]) {
      expect(text).toMatch(/^note Qwen\/Small-Image-Edit is being downloaded: .* are there\./m);
      expect(text).not.toContain('model pull Qwen');
    }
  },
);

it('a download into a folder that has not ended is told with the command that goes on with it', async () => {
  const harness = await smallHub();
  const localDir = join(harness.folder, 'model');
  await harness.pull({ ...CONFIGURATIONS, localDir });
  const env = { QWEN_EDIT_MODEL: '', QWEN_EDIT_2511_DIR: localDir };
  const model = await said(checkModel, harness, { env });
  expect(model).toContain(`note A download of ${SMALL} into ${localDir} has not ended`);
  expect(model).toContain(`\`QWEN_EDIT_2511_DIR=${localDir} qwen-edit model pull ${SMALL}\``);
  const other = await said(checkModel, harness, { env: { ...env, QWEN_EDIT_MODEL: 'me/mine' } });
  expect(other).toContain(`problem ${localDir} is the folder of ${SMALL}, and QWEN_EDIT_MODEL names me/mine.`);
});

it('what keeps the model from being downloaded is a problem in the words of the hub; where none is wanted, a note', async () => {
  const harness = await smallHub();
  expect(await said(checkHub, harness, { env: { QWEN_EDIT_MODEL: 'me/mine' } })).toMatch(/^problem model_unknown /);
  harness.hub.fault('api', { kind: 'html' });
  expect(await said(checkHub, harness)).toMatch(/^problem hub_refused .*a web page came/);
  harness.hub.fault('api', { kind: 'status', status: 503 });
  expect(await said(checkHub, harness)).toMatch(/^problem hub_unreachable .*503/);
  expect(harness.hub.requests, 'each time it is asked once').toHaveLength(3);
  const away = { HF_ENDPOINT: 'http://127.0.0.1:9' };
  expect(await said(checkHub, harness, { env: away })).toMatch(/^problem hub_unreachable .*cannot be reached/);
  expect(await said(checkHub, harness, { env: { ...away, QWEN_EDIT_MODEL: '' } })).toMatch(/^note hub_unreachable/);
  expect(await said(checkHub, harness, { env: { HF_HUB_OFFLINE: '1' } })).toMatch(
    /^problem HF_HUB_OFFLINE is on, and .* `qwen-edit model pull Qwen\/Small-Image-Edit`/,
  );
  const proxied = await said(checkHub, harness, { env: { http_proxy: 'http://127.0.0.1:9' } });
  expect(proxied).toMatch(/^ok downloads go through HTTP_PROXY\nproblem hub_unreachable/);
});

it('a disk must have room for what is missing of the model: by the list of files, or before that by what is known of it', async () => {
  const harness = await smallHub();
  const env = { QWEN_EDIT_DATA_DIR: '/nowhere' };
  const real = { env, flag: 'Qwen/Qwen-Image-Edit-2511' };
  expect(await said(checkDisk, harness, { ...real, free: 60e9 })).toMatch(/ok there is room in .* for the 57\.7 GB/);
  expect(await said(checkDisk, harness, { ...real, free: 50e9 })).toMatch(
    /problem disk_full 57\.7 GB have to be downloaded, and .* has 50\.0 GB free\./,
  );
  expect(await said(checkDisk, harness, { env }), 'nobody knows how large it is').not.toContain('room');
  await harness.pull(CONFIGURATIONS);
  expect(await said(checkDisk, harness, { env })).toMatch(/ok there is room in .* for the 122\.\d kB/);
  await harness.pull();
  expect(await said(checkDisk, harness, { env }), 'nothing is missing').not.toContain('room');
});
