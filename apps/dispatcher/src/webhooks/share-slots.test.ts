import type { DueLane, Standing } from '@qwen-edit/db';
import { expect, it } from 'vitest';
import { shareSlots } from './share-slots.ts';

const lane = (owner: string, receiver: string, standing: Standing = 'quick'): DueLane => ({
  owner,
  receiver,
  standing,
  trial: false,
});
const lanes = (n: number, owner: string, standing: Standing): DueLane[] =>
  Array.from({ length: n }, (_, i) => lane(owner, `${standing} ${i}`, standing));
const rules = { slots: 16, perReceiver: 4, most: 16 };
const countsOf = (...given: Parameters<typeof shareSlots>): Record<string, number> =>
  Object.fromEntries(shareSlots(...given).map((each) => [`${each.lane.owner} ${each.lane.receiver}`, each.count]));

it('the next slot is for the owner with the fewest attempts under way, then for its receiver with the fewest', () => {
  const due = [lane('ann', 'a'), lane('ann', 'b'), lane('bob', 'c')];
  expect(countsOf(due, [], { ...rules, most: 4 })).toEqual({ 'ann a': 1, 'ann b': 1, 'bob c': 2 });
  expect(countsOf(due, [lane('ann', 'a'), lane('ann', 'a')], { ...rules, most: 3 })).toEqual({
    'ann b': 1,
    'bob c': 2,
  });
  expect(countsOf(due, [], { ...rules, most: 1 })).toEqual({ 'ann a': 1 });
});

it('a receiver gets as many as it may have, but one at a time if it has not answered', () => {
  expect(countsOf([lane('ann', 'a')], [], rules)).toEqual({ 'ann a': 4 });
  expect(countsOf([lane('ann', 'a')], [lane('ann', 'a')], rules)).toEqual({ 'ann a': 3 });
  expect(countsOf([lane('ann', 'a', 'slow')], [lane('ann', 'a', 'slow')], rules)).toEqual({ 'ann a': 3 });
  for (const standing of ['new', 'failing'] as const) {
    expect(countsOf([lane('ann', 'a', standing)], [], rules)).toEqual({ 'ann a': 1 });
    expect(countsOf([lane('ann', 'a', standing)], [lane('ann', 'a', standing)], rules)).toEqual({});
  }
});

it('any number of failing, slow and unknown receivers leaves slots for those that answer soon', () => {
  const failing = lanes(100, 'ann', 'failing');
  expect(shareSlots(failing, [], rules)).toHaveLength(2);
  expect(
    shareSlots([...failing, ...lanes(100, 'bob', 'failing'), ...lanes(9, 'eve', 'failing')], [], rules),
  ).toHaveLength(4);
  const slow = lanes(100, 'ann', 'slow');
  expect(shareSlots([...failing, ...slow], [], rules)).toHaveLength(6);
  expect(shareSlots([...failing, ...slow, ...lanes(100, 'bob', 'slow')], [], rules)).toHaveLength(8);
  const unknown = lanes(100, 'ann', 'new');
  expect(shareSlots([...failing, ...slow, ...unknown], [], rules)).toHaveLength(8);
  const both = [...unknown, ...lanes(100, 'bob', 'new')];
  const busy = shareSlots(both, [], rules).map((each) => each.lane);
  expect(busy).toHaveLength(12);
  expect(shareSlots(both, busy, rules)).toEqual([]);
  expect(countsOf([...both, lane('ann', 'good'), lane('bob', 'good')], busy, rules)).toEqual({
    'ann good': 2,
    'bob good': 2,
  });
});

it('one owner leaves slots for the others, with whatever receivers', () => {
  for (const standing of ['quick', 'new', 'slow', 'failing'] as const) {
    const busy = shareSlots(lanes(100, 'ann', standing), [], rules).map((each) => each.lane);
    expect(shareSlots([...lanes(100, 'ann', standing), lane('bob', 'b', standing)], busy, rules)).toMatchObject([
      { lane: { owner: 'bob' } },
    ]);
  }
});

it('with a single slot everybody gets a turn', () => {
  for (const standing of ['quick', 'new', 'slow', 'failing'] as const)
    expect(countsOf(lanes(2, 'ann', standing), [], { slots: 1, perReceiver: 1, most: 1 })).toEqual({
      [`ann ${standing} 0`]: 1,
    });
});
