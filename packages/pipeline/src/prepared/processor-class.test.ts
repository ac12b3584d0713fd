import { expect, it } from 'vitest';
import { hasInt8Products, processorClass } from './processor-class.ts';

const flags = (names: string): string => `processor\t: 0\nflags\t\t: fpu ${names} nx\nbugs\t\t:\n`;

it('processors that lay weights out alike are of one class, whatever else they have', () => {
  expect(processorClass('x64', 'linux', flags('avx2 avx512bw avx512_vnni amx_int8'))).toBe(
    'x64-amx_int8-avx512_vnni-avx512bw-avx2',
  );
  expect(processorClass('x64', 'linux', flags('sse3 avx2 xsave'))).toBe(processorClass('x64', 'linux', flags('avx2')));
  expect(processorClass('x64', 'linux', flags('avx2 avx_vnni'))).not.toBe(
    processorClass('x64', 'linux', flags('avx2')),
  );
  expect(processorClass('arm64', 'linux', 'Features\t: fp asimddp i8mm\n')).toBe('arm64-i8mm-asimddp');
  expect(processorClass('arm64', 'darwin', '')).toBe('arm64-darwin');
});

it('products of 8-bit integers need VNNI or AMX on x64, and are left to the self-test elsewhere', () => {
  expect(hasInt8Products('x64', flags('avx2 avx512bw'))).toBe(false);
  expect(hasInt8Products('x64', flags('avx2 avx_vnni'))).toBe(true);
  expect(hasInt8Products('x64', '')).toBe(true);
  expect(hasInt8Products('arm64', 'Features\t: fp\n')).toBe(true);
});
