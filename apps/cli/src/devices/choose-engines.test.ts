import { devicesKey } from '@qwen-edit/contract';
import { type Card, type CardReport, knownModelShape } from '@qwen-edit/pipeline';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../config.ts';
import { engineBudget } from './card-memory.ts';
import { chooseEngines } from './choose-engines.ts';
import { engineSlots } from './engine-slots.ts';
import { knownCards } from './machine-cards.ts';
import { parseEngine, parseEngines } from './parse-engines.ts';
import { requireCards } from './require-cards.ts';
import { fitsUsualEdit } from './usual-edit.ts';

const GIB = 2 ** 30;
const PROVIDER = { path: '/lib/libonnxruntime_providers_cuda.so', cuda: 12 };
type Environment = Readonly<Record<string, string>>;

const card = (id: number, free: number, total = 24, changes: Partial<Card> = {}): Card => ({
  ...{ id, uuid: `GPU-${id}`, name: 'NVIDIA RTX 3090', driver: '580.65.06', computeCapability: '8.6' },
  ...{ totalBytes: total * GIB, usedBytes: (total - free) * GIB, freeBytes: free * GIB },
  ...{ isDivided: false, fault: null },
  ...changes,
});
const eight = Array.from({ length: 8 }, (_, id) => card(id, 23));

interface Machine {
  readonly environment?: Environment;
  readonly fault?: CardReport['fault'];
  readonly provider?: typeof PROVIDER | undefined;
  /** GiB that a usual edit needs. */
  readonly needs?: number;
}

async function chosen(cards: readonly Card[], machine: Machine = {}) {
  const { environment = {}, fault, needs = 0 } = machine;
  const config = readConfig(environment);
  const provider = 'provider' in machine ? machine.provider : PROVIDER;
  let looks = 0;
  const look = async () => {
    looks++;
    return knownCards({ cards, fault }, provider, config);
  };
  const choice = await chooseEngines(config, { look, fits: (bytes) => bytes >= needs * GIB });
  return { ...choice, keys: choice.engines.map(devicesKey), looks };
}

describe('which engines there are', () => {
  it('each card that can be used has one, in the place of the processor', async () => {
    const { keys, notes, fallback } = await chosen(eight, { environment: { CUDA_VISIBLE_DEVICES: '4,5,6,7' } });
    expect(keys).toEqual(['cuda:0', 'cuda:1', 'cuda:2', 'cuda:3']);
    expect([notes, fallback]).toEqual([[], undefined]);
  });

  it('QWEN_EDIT_FORCE_CPU comes before all, and nobody looks at cards', async () => {
    const environment = { QWEN_EDIT_FORCE_CPU: '1', QWEN_EDIT_MAX_CONCURRENCY: '2', QWEN_EDIT_DEVICES: 'cuda:0' };
    const { keys, notes, looks } = await chosen(eight, { environment });
    expect([keys, looks]).toEqual([['cpu', 'cpu'], 0]);
    expect(notes).toEqual(['QWEN_EDIT_FORCE_CPU comes before QWEN_EDIT_DEVICES: the processor computes.']);
  });

  it('QWEN_EDIT_DEVICES is taken as it is, whatever is free; of cpu there are QWEN_EDIT_MAX_CONCURRENCY', async () => {
    const environment = { QWEN_EDIT_DEVICES: 'cuda:0+cuda:1, cuda:2, cpu', QWEN_EDIT_MAX_CONCURRENCY: '2' };
    const { keys, looks } = await chosen([], { environment });
    expect([keys, looks]).toEqual([['cuda:0+cuda:1', 'cuda:2', 'cpu', 'cpu'], 0]);
  });

  it('a busy card is left alone, and the others have engines', async () => {
    const { keys, notes } = await chosen([card(0, 1.5), card(1, 23)]);
    expect(keys).toEqual(['cuda:1']);
    expect(notes).toEqual([
      'Not enough free VRAM. Need >= 6 GiB free per GPU, got: cuda:0 (card 0) free=1.50 GiB/24.00 GiB.',
    ]);
  });

  it.each([
    ['no card is free', [card(0, 1), card(1, 2)], {}, 'Not enough free VRAM'],
    ['the driver is too old', [card(0, 23, 24, { driver: '470.82.01' })], {}, 'CUDA 12 needs 525.60 or later'],
    [
      'CUDA_VISIBLE_DEVICES is out of range',
      [card(0, 23)],
      { environment: { CUDA_VISIBLE_DEVICES: '6' } },
      '"6" names',
    ],
    [
      'the driver does not work',
      [],
      { fault: { kind: 'driver_fault', message: 'It is broken.', remedy: '' } },
      'broken',
    ],
    ['there is no card', [], {}, 'There is no card of NVIDIA.'],
  ] as const)(
    'where CUDA is installed and %s, the processor computes, and it is said',
    async (_, cards, machine, words) => {
      const { keys, notes, fallback } = await chosen(cards, machine);
      expect(keys).toEqual(['cpu']);
      expect(fallback).toContain('The processor computes, as no card can be used.');
      expect(fallback).toContain(words);
      expect(notes).toEqual([fallback]);
    },
  );

  it.each(['', '-1'])('CUDA_VISIBLE_DEVICES=%s hides all cards on purpose: no trouble', async (value) => {
    const { keys, notes, fallback } = await chosen(eight, { environment: { CUDA_VISIBLE_DEVICES: value } });
    expect([keys, fallback]).toEqual([['cpu'], undefined]);
    expect(notes).toEqual(['CUDA_VISIBLE_DEVICES hides every card: the processor computes.']);
  });

  it('without the library for CUDA the processor computes; a card that is there is told, with the command', async () => {
    expect(await chosen([], { provider: undefined })).toMatchObject({ keys: ['cpu'], notes: [] });
    const { keys, notes, fallback } = await chosen(eight, { provider: undefined });
    expect([keys, fallback]).toEqual([['cpu'], undefined]);
    expect(notes[0]).toContain('ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild');
  });

  it('another order of CUDA is not followed, and that is said', async () => {
    const { notes } = await chosen(eight, { environment: { CUDA_DEVICE_ORDER: 'FASTEST_FIRST' } });
    expect(notes).toEqual([expect.stringContaining('CUDA_DEVICE_ORDER is not followed')]);
    expect((await chosen(eight, { environment: { CUDA_DEVICE_ORDER: 'PCI_BUS_ID' } })).notes).toEqual([]);
  });
});

describe('a model that one card does not hold (the guide’s balanced)', () => {
  const four = eight.slice(0, 4);
  it('is spread over as many cards as it takes', async () => {
    // Of each card 24 - 6 GiB, of the first 4 less.
    expect((await chosen(four, { needs: 28 })).keys).toEqual(['cuda:0+cuda:1', 'cuda:2+cuda:3']);
    const { keys, notes } = await chosen(four, { needs: 40 });
    expect(keys).toEqual(['cuda:0+cuda:1+cuda:2']);
    expect(notes).toEqual([
      'The model does not fit one card: it is spread over cuda:0+cuda:1+cuda:2.',
      'Left idle: cuda:3; QWEN_EDIT_DEVICES can name them.',
    ]);
  });
  it('has one engine for each card if one holds it, or if all together do not', async () => {
    const each = ['cuda:0', 'cuda:1', 'cuda:2', 'cuda:3'];
    expect((await chosen(four, { needs: 23 })).keys).toEqual(each);
    expect((await chosen(four, { needs: 57 })).keys).toEqual(each);
    expect((await chosen([card(0, 23)], { needs: 57 })).keys).toEqual(['cuda:0']);
  });
  it('is whole on a card that is large enough, and spread over the others', async () => {
    const cards = [card(0, 79, 80), card(1, 23), card(2, 23)];
    expect((await chosen(cards, { needs: 34 })).keys).toEqual(['cuda:0', 'cuda:1+cuda:2']);
  });
});

it('whether the real model fits is what the plan of a usual edit says', () => {
  const shape = knownModelShape('Qwen/Qwen-Image-Edit-2511')!;
  const fits = (precision: string, gibibytes: number) => fitsUsualEdit({ shape }, 'cuda', precision)?.(gibibytes * GIB);
  expect([80, 24].map((each) => fits('bf16', each))).toEqual([true, false]);
  expect([24, 12].map((each) => fits('w8', each))).toEqual([true, false]);
  expect(fits('bf16', Number.POSITIVE_INFINITY)).toBe(true);
  expect(fitsUsualEdit({}, 'cuda', 'bf16')).toBeUndefined();
});

describe('the memory that an engine plans with', () => {
  const budget = (devices: string, cards: readonly Card[], environment: Environment = {}): number | undefined => {
    const config = readConfig(environment);
    const bytes = engineBudget(parseEngine(devices), knownCards({ cards, fault: undefined }, PROVIDER, config), config);
    return bytes === undefined ? undefined : bytes / GIB;
  };
  const set = (each: string, first = ''): Environment => ({
    QWEN_EDIT_GPU_HEADROOM_GIB: each,
    QWEN_EDIT_GPU0_EXTRA_HEADROOM_GIB: first,
  });

  it('is what is free, and no more than the card without its headroom', () => {
    expect(budget('cuda', [card(0, 20)])).toBe(20);
    expect(budget('cuda', [card(0, 24)], set('6'))).toBe(18);
    expect(budget('cuda', [card(0, 24)], set('6', '4'))).toBe(14);
    expect(budget('cuda:1', [card(0, 24), card(1, 24)], set('6', '4'))).toBe(18);
    expect(budget('cuda', [card(0, 10)], set('6', '4'))).toBe(10);
    expect(budget('cuda', [card(0, 24)], set('0.5'))).toBe(23.5);
  });
  it('of several cards is in equal parts, each without the headroom of the guide', () => {
    expect(budget('cuda:0+cuda:1', [card(0, 24), card(1, 24)])).toBe(2 * 14);
    expect(budget('cuda:0+cuda:1', [card(0, 24), card(1, 9)])).toBe(2 * 9);
    expect(budget('cuda:0+cuda:1', [card(0, 24), card(1, 24)], set('2', '0'))).toBe(2 * 22);
  });
  it('is 4 GiB of a small card, as in the guide, and never more than it has', () => {
    expect(budget('cuda', [card(0, 8, 8)], set('6', '4'))).toBe(4);
    expect(budget('cuda', [card(0, 2, 2)], set('6', '4'))).toBe(2);
  });
  it('is not known of other devices, and of cards whose memory is not told', () => {
    expect(budget('cpu', [card(0, 8)])).toBeUndefined();
    expect(budget('webgpu', [card(0, 8)])).toBeUndefined();
    expect(budget('cuda', [])).toBeUndefined();
    expect(budget('cuda', [card(0, 8, 8, { freeBytes: null, totalBytes: null })])).toBeUndefined();
    expect(budget('cuda', [card(0, 8, 8, { freeBytes: null })])).toBe(8);
  });
});

describe('a card that cannot be used is refused with cause and remedy', () => {
  const refusal = (devices: string, cards: readonly Card[], { environment = {}, ...machine }: Machine = {}) => {
    const config = readConfig(environment);
    const provider = 'provider' in machine ? machine.provider : PROVIDER;
    try {
      requireCards(parseEngine(devices), knownCards({ cards, fault: machine.fault }, provider, config), config);
      return undefined;
    } catch (thrown) {
      return thrown;
    }
  };
  it.each([
    ['cuda:2', [card(0, 23)], {}, 'There is no cuda:2: cuda:0 (card 0) can be used.', 'nvidia-smi -L'],
    [
      'cuda:1',
      eight,
      { environment: { CUDA_VISIBLE_DEVICES: '6' } },
      'There is no cuda:1: cuda:0 (card 6) can be used. CUDA_VISIBLE_DEVICES is "6".',
      'with 4,5 cuda:0 is card 4',
    ],
    [
      'cuda',
      [card(0, 23)],
      { environment: { CUDA_VISIBLE_DEVICES: '9' } },
      'no card can be used. CUDA_VISIBLE_DEVICES is "9". "9" names no card; there is 0 (NVIDIA RTX 3090).',
      'or unset it',
    ],
    ['cuda', eight, { environment: { CUDA_VISIBLE_DEVICES: '' } }, 'CUDA_VISIBLE_DEVICES is "".', 'or unset it'],
    ['cuda', [card(0, 3)], {}, 'got: cuda:0 (card 0) free=3.00 GiB/24.00 GiB.', 'QWEN_EDIT_MIN_FREE_GIB'],
    ['cuda', [card(0, 23)], { environment: { QWEN_EDIT_MIN_FREE_GIB: '23.5' } }, 'Need >= 23.5 GiB', 'Stop what uses'],
    ['cuda', eight, { provider: undefined }, 'library for CUDA is not installed', 'npm rebuild'],
    ['cuda', [card(0, 23, 24, { driver: '470.1' })], {}, 'The driver of NVIDIA is 470.1', 'Update the driver'],
    ['cuda', [card(0, 23, 24, { fault: 'ERR!' })], {}, 'cuda:0 (card 0) does not work: ERR!.', 'Restart'],
    [
      'cuda',
      [],
      { fault: { kind: 'no_driver', message: 'No driver.', remedy: 'Install it.' } },
      'No driver.',
      'Install',
    ],
    ['cuda:0+cuda:1', [card(0, 23), card(1, 1)], {}, 'got: cuda:1 (card 1) free=1.00 GiB', 'Stop what uses'],
  ] as const)('%s of %j with %j', (devices, cards, machine, words, remedy) => {
    expect(refusal(devices, cards, machine)).toMatchObject({
      code: 'device_unavailable',
      message: expect.stringContaining(words),
      hint: expect.stringContaining(remedy),
    });
  });
  it('one that is free is let pass, and so is every one where the tool is missing', () => {
    expect(refusal('cuda', [card(0, 6)])).toBeUndefined();
    expect(refusal('cpu', [])).toBeUndefined();
    const fault = { kind: 'no_tool', message: '', remedy: '' } as const;
    expect(refusal('cuda:3', [], { fault })).toBeUndefined();
  });
});

describe('the workers of the engines', () => {
  it('have the physical id of their card, their share of the machine, and how they compute', () => {
    const config = readConfig({ CUDA_VISIBLE_DEVICES: '4,5,6', QWEN_EDIT_MAX_CPU_THREADS: '3' });
    const engines = parseEngines('cuda:0,cuda:1+cuda:2,cpu');
    const known = knownCards({ cards: eight, fault: undefined }, PROVIDER, config);
    const slots = engineSlots({ engines, notes: [], fallback: 'why' }, config, known, { totalBytes: 30 * GIB });
    expect(slots.map(({ slot }) => [slot.device, slot.gpuId, slot.note])).toEqual([
      ['cuda:0', 4, 'why'],
      ['cuda:1+cuda:2', 5, 'why'],
      ['cpu', null, 'why'],
    ]);
    expect(slots.map(({ threads, memoryBytes }) => [threads, memoryBytes / GIB])).toEqual([
      [3, 10],
      [3, 10],
      [3, 10],
    ]);
    expect(slots.map(({ slot }) => slot.facts?.machine)).toEqual([
      { memory_bytes: 10 * GIB, device_memory_bytes: 23 * GIB, threads: 3 },
      { memory_bytes: 10 * GIB, device_memory_bytes: 36 * GIB, threads: 3 },
      { memory_bytes: 10 * GIB, threads: 3 },
    ]);
    expect(slots.map(({ slot }) => slot.facts?.device)).toEqual(['cuda', 'cuda', 'cpu']);
  });
  it('have the id that CUDA_VISIBLE_DEVICES says where the cards cannot be told', () => {
    const config = readConfig({ CUDA_VISIBLE_DEVICES: '4,GPU-1a' });
    const engines = parseEngines('cuda:0,cuda:1');
    const slots = engineSlots({ engines, notes: [] }, config, { visible: [] }, { totalBytes: GIB });
    expect(slots.map(({ slot }) => slot.gpuId)).toEqual([4, null]);
  });
});

describe('QWEN_EDIT_DEVICES', () => {
  it.each([
    ['cuda:x', 'There is no device "cuda:x"; there is cpu, webgpu, and cuda or cuda:0'],
    [' , ', 'There is no device in'],
    ['cuda,cuda:0', 'cuda:0 comes twice, and a card has one engine'],
    ['cuda:0+cuda:0', 'cuda:0 comes twice, and a card has one engine'],
    ['cpu,cpu', 'QWEN_EDIT_MAX_CONCURRENCY says how many'],
  ])('%j is a wrong setting that is told', (value, words) => {
    expect(() => readConfig({ QWEN_EDIT_DEVICES: value })).toThrow(words);
  });
  it('an empty one is unset; an empty CUDA_VISIBLE_DEVICES is not', () => {
    expect(readConfig({ QWEN_EDIT_DEVICES: '', CUDA_VISIBLE_DEVICES: '' })).toMatchObject({ cudaVisibleDevices: '' });
    expect(readConfig({ QWEN_EDIT_DEVICES: '' }).devices).toBeUndefined();
    expect(readConfig({}).cudaVisibleDevices).toBeUndefined();
  });
  it('--device names one engine', () => {
    expect(devicesKey(parseEngine('cuda:0+cuda:1'))).toBe('cuda:0+cuda:1');
    expect(() => parseEngine('cuda:0,cpu')).toThrow('names several engines');
  });
});

it.each(['six', '-1', '1e3'])('QWEN_EDIT_MIN_FREE_GIB=%s is no number of GiB', (value) => {
  expect(() => readConfig({ QWEN_EDIT_MIN_FREE_GIB: value })).toThrow('QWEN_EDIT_MIN_FREE_GIB is not a number of GiB');
});
