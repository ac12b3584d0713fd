/** Each letter as rows of 5 dots, from top to bottom. They stand here because a machine may have no font. */
const LETTERS: Readonly<Record<string, string>> = {
  A: '01110 10001 10001 11111 10001 10001 10001',
  B: '11110 10001 10001 11110 10001 10001 11110',
  C: '01110 10001 10000 10000 10000 10001 01110',
  D: '11110 10001 10001 10001 10001 10001 11110',
  E: '11111 10000 10000 11110 10000 10000 11111',
  F: '11111 10000 10000 11110 10000 10000 10000',
  G: '01110 10001 10000 10111 10001 10001 01111',
  H: '10001 10001 10001 11111 10001 10001 10001',
  I: '01110 00100 00100 00100 00100 00100 01110',
  J: '00111 00010 00010 00010 00010 10010 01100',
  K: '10001 10010 10100 11000 10100 10010 10001',
  L: '10000 10000 10000 10000 10000 10000 11111',
  M: '10001 11011 10101 10101 10001 10001 10001',
  N: '10001 11001 10101 10011 10001 10001 10001',
  O: '01110 10001 10001 10001 10001 10001 01110',
  P: '11110 10001 10001 11110 10000 10000 10000',
  Q: '01110 10001 10001 10001 10101 10010 01101',
  R: '11110 10001 10001 11110 10100 10010 10001',
  S: '01111 10000 10000 01110 00001 00001 11110',
  T: '11111 00100 00100 00100 00100 00100 00100',
  U: '10001 10001 10001 10001 10001 10001 01110',
  V: '10001 10001 10001 10001 10001 01010 00100',
  W: '10001 10001 10001 10101 10101 11011 10001',
  X: '10001 10001 01010 00100 01010 10001 10001',
  Y: '10001 10001 01010 00100 00100 00100 00100',
  Z: '11111 00001 00010 00100 01000 10000 11111',
  0: '01110 10001 10011 10101 11001 10001 01110',
  1: '00100 01100 00100 00100 00100 00100 01110',
  2: '01110 10001 00001 00110 01000 10000 11111',
  3: '11110 00001 00001 01110 00001 00001 11110',
  4: '00010 00110 01010 10010 11111 00010 00010',
  5: '11111 10000 11110 00001 00001 10001 01110',
  6: '01110 10000 10000 11110 10001 10001 01110',
  7: '11111 00001 00010 00100 01000 01000 01000',
  8: '01110 10001 10001 01110 10001 10001 01110',
  9: '01110 10001 10001 01111 00001 00001 01110',
  '.': '00000 00000 00000 00000 00000 01100 01100',
  ',': '00000 00000 00000 00000 01100 00100 01000',
  ':': '00000 01100 01100 00000 01100 01100 00000',
  '+': '00000 00100 00100 11111 00100 00100 00000',
  '-': '00000 00000 00000 11111 00000 00000 00000',
  '(': '00010 00100 01000 01000 01000 00100 00010',
  ')': '01000 00100 00010 00010 00010 00100 01000',
};

const COLUMNS = 6;
const ROWS = 7;
const LINE = 10;
const DOT = 2;
const INK = 40;

export interface Drawing {
  readonly data: Uint8Array;
  readonly info: { readonly width: number; readonly height: number; readonly channels: 4 };
}

/**
 * Draws text in capitals, as RGBA on a transparent ground. Breaks it between words into lines of at most `width` pixels.
 * Characters without a drawing stay blank.
 */
export function drawText(text: string, width: number): Drawing {
  const lines = breakLines(text.toUpperCase(), Math.floor(width / (COLUMNS * DOT)));
  const height = lines.length * LINE * DOT;
  const data = new Uint8Array(width * height * 4);
  for (const [y, line] of lines.entries()) {
    for (const [x, letter] of [...line].entries()) drawLetter(data, width, letter, x * COLUMNS * DOT, y * LINE * DOT);
  }
  return { data, info: { width, height, channels: 4 } };
}

function drawLetter(data: Uint8Array, width: number, letter: string, left: number, top: number): void {
  const rows = LETTERS[letter]?.split(' ') ?? [];
  for (let y = 0; y < ROWS * DOT; y++) {
    for (let x = 0; x < COLUMNS * DOT; x++) {
      if (rows[Math.floor(y / DOT)]?.[Math.floor(x / DOT)] !== '1') continue;
      data.set([INK, INK, INK, 255], ((top + y) * width + left + x) * 4);
    }
  }
}

function breakLines(text: string, columns: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= columns) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word.slice(0, columns));
  }
  return lines;
}
