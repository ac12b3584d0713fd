import type { Card, CardReport } from '@qwen-edit/pipeline';
import { expect, it } from 'vitest';
import { readConfig } from '../../config.ts';
import { chooseEngines } from '../../devices/choose-engines.ts';
import { knownCards } from '../../devices/machine-cards.ts';
import type { Finding } from '../finding.ts';
import { checkGpu } from './gpu.ts';

const GIB = 1024 ** 3;
const card = (id: number, changes: Partial<Card> = {}): Card => ({
  ...{ id, uuid: `GPU-${id}`, name: 'NVIDIA A800', totalBytes: 80 * GIB, usedBytes: 0, freeBytes: 70 * GIB },
  ...{ driver: '580.65.06', computeCapability: '8.0', isDivided: false, fault: null },
  ...changes,
});
const PROVIDER = { path: '/lib', cuda: 12 };
const missing = (): Promise<never> => Promise.reject(new Error('ENOENT'));

interface Machine {
  readonly fault?: CardReport['fault'];
  readonly provider?: typeof PROVIDER | null;
  readonly run?: (program: string) => Promise<string>;
}

async function found(
  cards: readonly Card[],
  environment: Readonly<Record<string, string>> = {},
  { fault, provider = PROVIDER, run = missing }: Machine = {},
): Promise<readonly Finding[]> {
  const config = readConfig(environment);
  const lookAtCards = async () => knownCards({ cards, fault }, provider ?? undefined, config);
  const engines = await chooseEngines(config, { look: lookAtCards });
  return checkGpu({ host: { run }, config, engines, lookAtCards });
}

const text = (findings: readonly Finding[]): string =>
  findings.map(({ message, cause, remedy }) => [message, cause, remedy].join(' ')).join('\n');

/** Expects the worst finding to have this status, and the words to be said. */
function expectFound(findings: readonly Finding[], status: string, ...words: readonly string[]): void {
  const worst = ['problem', 'note', 'ok'].find((each) => findings.some((finding) => finding.status === each));
  expect(worst, text(findings)).toBe(status);
  for (const word of words) expect(text(findings)).toContain(word);
  for (const finding of findings) if (finding.status !== 'ok') expect(finding.remedy ?? finding.message).not.toBe('');
}

it('a card that has an engine is told by both of its numbers, with its memory, its driver and what is planned with', async () => {
  const environment = { QWEN_EDIT_DEVICES: 'cuda:1', CUDA_VISIBLE_DEVICES: '4,5', QWEN_EDIT_GPU_HEADROOM_GIB: '20' };
  const findings = await found(
    [0, 1, 2, 3, 4, 5].map((id) => card(id)),
    environment,
  );
  expect(findings).toHaveLength(6);
  expect(findings[5]).toEqual({
    status: 'ok',
    message:
      'card 5 is cuda:1: NVIDIA A800, 70.00 GiB free of 80.00 GiB, driver 580.65.06, compute capability 8.0; has an engine, which plans with 60.00 GiB',
  });
  expect(findings[4]?.message).toContain('card 4 is cuda:0');
  expect(findings[4]?.message).toContain('not used: QWEN_EDIT_DEVICES does not name it');
  expect(findings[0]?.message).toContain('not used: CUDA_VISIBLE_DEVICES hides it');
});
it('without the library for CUDA, the command that installs it is told', async () => {
  const command = 'ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild --ignore-scripts=false onnxruntime-node';
  expectFound(await found([card(0)], {}, { provider: null }), 'note', 'is not installed', command);
  const wanted = await found([card(0)], { QWEN_EDIT_DEVICES: 'cuda' }, { provider: null });
  expectFound(wanted, 'problem', command);
  expect(wanted.at(-1)?.code).toBe('device_unavailable');
});
it.each([
  ['a busy one', [card(0, { freeBytes: GIB })], {}, 'Not enough free VRAM. Need >= 6 GiB free per GPU'],
  ['one with an old driver', [card(0, { driver: '470.82.01' })], {}, 'CUDA 12 needs 525.60 or later'],
  ['one that is lost', [card(0, { fault: 'GPU is lost' })], {}, 'cuda:0 (card 0) does not work: GPU is lost'],
  ['one out of range', [card(0)], { CUDA_VISIBLE_DEVICES: '7' }, '"7" names no card; there is 0 (NVIDIA A800).'],
  ['one that is hidden', [card(0)], { CUDA_VISIBLE_DEVICES: '' }, 'CUDA_VISIBLE_DEVICES is "".'],
] as const)('%s that QWEN_EDIT_DEVICES names is a problem with its cause and remedy', async (_, cards, more, words) => {
  expectFound(await found(cards, { QWEN_EDIT_DEVICES: 'cuda', ...more }), 'problem', words);
});
it('a driver that does not work is a problem if a card is wanted, else a note', async () => {
  const fault = { kind: 'driver_fault', message: 'nvidia-smi says: no', remedy: 'Restart it.' } as const;
  expectFound(await found([], { QWEN_EDIT_DEVICES: 'cuda' }, { fault }), 'problem', 'nvidia-smi says: no', 'Restart');
  expectFound(await found([], {}, { fault }), 'note', 'nvidia-smi says: no', 'Restart it.');
});
it('a card of AMD is told with what its tool says', async () => {
  const run = async (program: string): Promise<string> =>
    program === 'rocm-smi'
      ? '{"card0": {"VRAM Total Memory (B)": "17179869184", "VRAM Total Used Memory (B)": "0"}}'
      : missing();
  expectFound(await found([], {}, { run }), 'ok', 'card 0 of AMD: 16.00 GiB free of 16.00 GiB');
});
it('none is no problem', async () => {
  expectFound(await found([]), 'ok', 'none is needed');
});
