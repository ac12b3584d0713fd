/** Draws a seed of 32 bits, as the service does, that differs from `present`. */
export function drawSeed(present: string, random: (numbers: Uint32Array<ArrayBuffer>) => Uint32Array): string {
  const [drawn = 0] = random(new Uint32Array(1));
  return String(drawn) === present.trim() ? String(drawn ^ 1) : String(drawn);
}
