import type { LookupAddress, LookupOptions } from 'node:dns';
import { describe, expect, it } from 'vitest';
import { checkedLookup, type Resolve } from './pinned-agent.ts';

const V4 = { address: '8.8.8.8', family: 4 };
const V6 = { address: '2606:4700::1111', family: 6 };

function look(resolve: Resolve, options: LookupOptions, allowPrivate = false): Promise<unknown> {
  return new Promise((done, reject) => {
    const lookup = checkedLookup(resolve, { allowPrivate });
    lookup('example.com', options, (error, address: string | LookupAddress[], family) => {
      if (error === null) done(typeof address === 'string' ? { address, family } : address);
      else reject(error);
    });
  });
}

describe('a name', () => {
  it('gives all its addresses, or one where one is asked for', async () => {
    const resolve: Resolve = async () => [V4, V6];
    expect(await look(resolve, { all: true })).toEqual([V4, V6]);
    expect(await look(resolve, {})).toEqual(V4);
    expect(await look(resolve, { all: false })).toEqual(V4);
  });

  it.each(['127.0.0.1', '10.0.0.1', '169.254.169.254', '::1', '::ffff:10.0.0.1', 'fd00::1', 'not an address'])(
    'that has %s among its addresses is refused as a whole',
    async (address) => {
      const resolve: Resolve = async () => [V4, { address, family: 4 }, V6];
      await expect(look(resolve, { all: true })).rejects.toMatchObject({
        code: 'INSIDE',
      });
      expect(await look(resolve, { all: true }, true)).toHaveLength(3);
    },
  );

  it('without an address, or that cannot be resolved, is not found', async () => {
    await expect(look(async () => [], { all: true })).rejects.toMatchObject({ code: 'ENOTFOUND' });
    const failure = Object.assign(new Error('later'), { code: 'EAI_AGAIN' });
    await expect(look(() => Promise.reject(failure), {})).rejects.toBe(failure);
  });
});
