import { describe, expect, it } from 'vitest';
import { attemptAddress, createFailedAttempts } from './failed-attempts.ts';

const LIMITS = { wrongKeys: 3, wrongKeysTogether: 1_000_000, wrongKeyMs: 1000 };

function attempts(limits = LIMITS) {
  let time = 0;
  const made = createFailedAttempts(limits, () => time);
  const fail = (address = 'a') => {
    const { code, retryAfterSeconds } = made.failed(address, 'wrong');
    return code === 'unauthorized' ? code : retryAfterSeconds;
  };
  const pass = (ms: number): void => {
    time += ms;
  };
  return { ...made, fail, pass };
}

describe('wrong keys', () => {
  it('are slowed down to one in a while, for each address by itself', () => {
    const { fail, pass } = attempts();
    expect([fail(), fail(), fail(), fail()]).toEqual(['unauthorized', 'unauthorized', 'unauthorized', 1]);
    expect(fail('b')).toBe('unauthorized');
    pass(1000);
    expect([fail(), fail()]).toEqual(['unauthorized', 1]);
    pass(1_000_000);
    expect([fail(), fail(), fail(), fail()]).toEqual(['unauthorized', 'unauthorized', 'unauthorized', 1]);
  });

  it('are slowed down together, from however many addresses they come', () => {
    const { fail, pass } = attempts({ ...LIMITS, wrongKeysTogether: 6 });
    const together = Array.from({ length: 10 }, (_, n) => fail(`address ${n}`));
    expect(together.filter((each) => each === 'unauthorized')).toHaveLength(6);
    pass(1000);
    expect(fail('another')).toBe('unauthorized');
  });

  it('of one address leave the others what all have together', () => {
    const { fail } = attempts({ ...LIMITS, wrongKeysTogether: 6 });
    for (let n = 0; n < 50; n++) fail('a');
    expect([fail('b'), fail('b'), fail('b')]).toEqual(['unauthorized', 'unauthorized', 'unauthorized']);
  });

  it('take bounded memory', () => {
    const { fail, size } = attempts();
    for (let n = 0; n < 12_000; n++) fail(`address ${n}`);
    expect(size()).toBe(10_000);
    for (let n = 0; n < 5; n++) fail('one');
    expect(fail('one')).toBe(1);
  });

  it('have few looked up at one time, and right keys among them still are', async () => {
    const { fail, lookUp } = attempts();
    for (let n = 0; n < 5; n++) fail();
    let most = 0;
    let running = 0;
    const task = async (): Promise<string> => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      return 'right';
    };
    const found = await Promise.all(Array.from({ length: 20 }, () => lookUp('a', task)));
    expect(found).toEqual(Array.from({ length: 20 }, () => 'right'));
    expect(most).toBe(2);
  });
});

it.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
  ['2001:db8::9', '2001:db8:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  [undefined, ''],
])('who calls from %s counts as %s', (remote, counted) => {
  expect(attemptAddress(remote)).toBe(counted);
});
