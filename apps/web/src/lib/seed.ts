const MAX_SEED = 2n ** 64n - 1n;

/** True for what the service takes: a whole number from 0 to 2^64-1, or -1 to draw one. */
export function isSeed(text: string): boolean {
  const trimmed = text.trim();
  return trimmed === '-1' || (/^\d{1,20}$/.test(trimmed) && BigInt(trimmed) <= MAX_SEED);
}

/** A seed of 32 bits, as many as the service draws itself; another one than `present`. */
export function drawSeed(present: string, random: (numbers: Uint32Array<ArrayBuffer>) => Uint32Array): string {
  const [drawn = 0] = random(new Uint32Array(1));
  return String(drawn) === present.trim() ? String(drawn ^ 1) : String(drawn);
}
