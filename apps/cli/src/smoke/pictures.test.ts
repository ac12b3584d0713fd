import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { bigPicture, checkResult, drawSmokePicture, encodeSmokePicture, SMOKE_SIDE } from './pictures.ts';

const input = drawSmokePicture(1);
const told = (bytes: Uint8Array, side = SMOKE_SIDE) => ({
  sha256: createHash('sha256').update(bytes).digest('hex'),
  width: side,
  height: side,
});
const plain = (level: number) => ({ ...input, data: new Uint8Array(input.data.length).fill(level) });

it('a result of the right size that differs from the picture passes', async () => {
  const bytes = await encodeSmokePicture({ ...input, data: input.data.map((level) => 255 - level) });
  expect(await checkResult(bytes, told(bytes), input)).toMatchObject({ width: SMOKE_SIDE, height: SMOKE_SIDE });
});

it.each([
  ['the picture as it was sent', input, 'The result is the picture as it was sent.'],
  ['black', plain(0), 'The result is all of one colour.'],
  ['grey', plain(128), 'The result is all of one colour.'],
  ['of another size', drawSmokePicture(2, 128), 'The result has 128 × 128 pixels, not 256 × 256.'],
])('a result that is %s is refused', async (_, result, message) => {
  const bytes = await encodeSmokePicture(result);
  await expect(checkResult(bytes, told(bytes), input)).rejects.toMatchObject({ message });
});

it('bytes that are not those of the job, or no picture, are refused', async () => {
  const bytes = await encodeSmokePicture(drawSmokePicture(2));
  await expect(checkResult(bytes.subarray(1), told(bytes), input)).rejects.toThrow(
    /are not those that the job tells of/,
  );
  const text = new TextEncoder().encode('<html>');
  await expect(checkResult(text, told(text), input)).rejects.toMatchObject({ code: 'image_invalid' });
});

it('a big picture has as many bytes as it should, and each is another', async () => {
  const [a, b] = await Promise.all([bigPicture(300_000), bigPicture(300_000)]);
  expect(a.length).toBeGreaterThan(300_000);
  expect(a.length).toBeLessThan(310_000);
  expect(Buffer.from(a).equals(Buffer.from(b))).toBe(false);
});
