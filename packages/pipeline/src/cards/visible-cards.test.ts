import { expect, it } from 'vitest';
import type { Card } from './card.ts';
import { readMigList } from './mig-list.ts';
import { saidCardId, visibleCards } from './visible-cards.ts';

const card = (id: number, changes: Partial<Card> = {}): Card => ({
  ...{ id, uuid: `GPU-${id}${id}aa-bb`, name: 'NVIDIA A800', totalBytes: 80, usedBytes: 0, freeBytes: 80 },
  ...{ driver: '535.1', computeCapability: '8.0', isDivided: false, fault: null },
  ...changes,
});
const EIGHT = Array.from({ length: 8 }, (_, id) => card(id));
const idsOf = (setting: string | undefined, cards = EIGHT): number[] =>
  visibleCards(cards, setting).cards.map(({ id }) => id);

it('without CUDA_VISIBLE_DEVICES every card is visible, in the order of the bus', () => {
  expect(idsOf(undefined, [card(2), card(0), card(1)])).toEqual([0, 1, 2]);
});

it.each(['', '  ', '-1', '-1,0'])('%j hides every card, and nothing is wrong with it', (setting) => {
  expect(visibleCards(EIGHT, setting)).toEqual({ cards: [], cut: undefined });
});

it('logical 0 to 3 are physical 4 to 7 with 4,5,6,7', () => {
  expect(idsOf('4,5,6,7')).toEqual([4, 5, 6, 7]);
});

it.each([
  ['6', [6]],
  ['3, 1', [3, 1]],
  ['1gpu2', [1]],
  ['+2', [2]],
  ['GPU-55', [5]],
  ['GPU-55aa-bb,GPU-00', [5, 0]],
  ['0,1,-1,2', [0, 1]],
] as const)('%j leaves the cards %j', (setting, ids) => {
  expect(visibleCards(EIGHT, setting)).toMatchObject({ cards: ids.map((id) => ({ id })), cut: undefined });
});

it.each([
  ['0,9,1', [0], '"9" names no card; there is 0 (NVIDIA A800), 1 (NVIDIA A800)'],
  ['8', [], '"8" names no card'],
  ['all', [], '"all" names no card'],
  ['GPU-', [], '"GPU-" names no card'],
  ['GPU-77,3', [7], '"3" names no card'],
  ['3,GPU-77', [3], '"GPU-77" names no card'],
  ['0,,1', [0], '"" names no card'],
  ['1,1', [], '"1" names a card that is named before'],
  ['MIG-1', [], '"MIG-1" names no card'],
] as const)('%j ends where it is wrong, and says so', (setting, ids, words) => {
  const { cards, cut } = visibleCards(EIGHT, setting);
  expect(cards.map(({ id }) => id)).toEqual(ids);
  expect(cut).toContain(words);
});

it('on a machine without a card an index says so', () => {
  expect(visibleCards([], '0').cut).toBe('"0" names no card; there is no card.');
});

const MIG_LIST = `GPU 0: NVIDIA A100-SXM4-80GB (UUID: GPU-00aa-bb)
GPU 1: NVIDIA A100-SXM4-80GB (UUID: GPU-11aa-bb)\r
  MIG 3g.40gb     Device  0: (UUID: MIG-c7384736-a75d)\r
  MIG 1c.2g.20gb+me Device  1: (UUID: MIG-GPU-11aa-bb/2/0)
`;
const divided = [card(0), card(1, { isDivided: true })];
const withParts = [...divided, ...readMigList(MIG_LIST, divided)];

it('the parts of a divided card are read with the memory that their profile says', () => {
  expect(readMigList(MIG_LIST, divided)).toMatchObject([
    { id: 1, uuid: 'MIG-c7384736-a75d', name: 'NVIDIA A800 MIG 3g.40gb', totalBytes: 40 * 2 ** 30, freeBytes: null },
    { id: 1, uuid: 'MIG-GPU-11aa-bb/2/0', totalBytes: 20 * 2 ** 30 },
  ]);
});

it('of divided cards one part is visible, and no other card', () => {
  const uuids = (setting?: string) => visibleCards(withParts, setting).cards.map(({ uuid }) => uuid);
  expect(uuids('MIG-GPU-11aa-bb/2')).toEqual(['MIG-GPU-11aa-bb/2/0']);
  expect(uuids('MIG-c7,MIG-GPU')).toEqual(['MIG-c7384736-a75d']);
  expect(uuids('1')).toEqual(['MIG-c7384736-a75d']);
  expect(uuids('0')).toEqual(['GPU-00aa-bb']);
  expect(uuids('GPU-11')).toEqual([]);
  expect(uuids()).toEqual(['MIG-c7384736-a75d']);
});

it('the physical id that the variable says is known without the tool', () => {
  expect([0, 1, 2].map((index) => saidCardId(index, '4, 5'))).toEqual([4, 5, null]);
  expect(saidCardId(3, undefined)).toBe(3);
  expect(saidCardId(0, 'GPU-1a')).toBeNull();
});
