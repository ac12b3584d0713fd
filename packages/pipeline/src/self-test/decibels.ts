/** What equal values have: JSON knows no Infinity. */
const EQUAL_DECIBELS = 200;

/**
 * Energy of `golden` over the energy of the difference, in dB: 20 dB are an error of a tenth, 80 dB of a ten-thousandth. Unlike a
 * cosine it also sees values that are all scaled alike. 0 for arrays of other lengths, and for values that are no numbers.
 */
export function signalDecibels(value: ArrayLike<number>, golden: ArrayLike<number>): number {
  if (value.length !== golden.length) return 0;
  let signal = 0;
  let error = 0;
  for (let i = 0; i < golden.length; i++) {
    signal += golden[i]! ** 2;
    error += (value[i]! - golden[i]!) ** 2;
  }
  return decibels(signal, error);
}

/** Cosine of the angle between two arrays; 0 for arrays of other lengths, of zeros, and for values that are no numbers. */
export function cosine(value: ArrayLike<number>, golden: ArrayLike<number>): number {
  if (value.length !== golden.length) return 0;
  let product = 0;
  let squares = 0;
  let goldenSquares = 0;
  for (let i = 0; i < golden.length; i++) {
    product += value[i]! * golden[i]!;
    squares += value[i]! ** 2;
    goldenSquares += golden[i]! ** 2;
  }
  const found = product / Math.sqrt(squares * goldenSquares);
  return Number.isFinite(found) ? Math.min(1, found) : 0;
}

/** PSNR of 8-bit levels, in dB. */
export function pictureDecibels(value: ArrayLike<number>, golden: ArrayLike<number>): number {
  if (value.length !== golden.length) return 0;
  let error = 0;
  for (let i = 0; i < golden.length; i++) error += (value[i]! - golden[i]!) ** 2;
  return decibels(255 ** 2 * golden.length, error);
}

function decibels(signal: number, error: number): number {
  if (Number.isNaN(error)) return 0;
  return error === 0 ? EQUAL_DECIBELS : Math.max(0, Math.min(EQUAL_DECIBELS, 10 * Math.log10(signal / error)));
}
