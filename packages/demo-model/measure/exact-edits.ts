/** A picture: red, green and blue of each pixel from left to right and top to bottom, each 0 to 1. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

type Colour = readonly [number, number, number];

const TINTS = {
  red: [1, 0.25, 0.25],
  green: [0.25, 1, 0.25],
  blue: [0.3, 0.4, 1],
  yellow: [1, 0.95, 0.2],
  purple: [0.8, 0.3, 1],
} as const satisfies Record<string, Colour>;

const SEPIA = [
  [0.393, 0.769, 0.189],
  [0.349, 0.686, 0.168],
  [0.272, 0.534, 0.131],
] as const satisfies readonly [Colour, Colour, Colour];

const FRAME_PIXELS = 8;
const MOSAIC_PIXELS = 8;
const BLUR_SIGMA = 2.5;
const BLUR_RADIUS = 7;
const PENCIL_PAPER = 0.95;
const PENCIL_STRENGTH = 3;

/** The edits that the demo model is trained on. `blend` takes two pictures, the others one. */
export const KINDS = [
  'black_and_white',
  'negative',
  'sepia',
  'warm',
  'cool',
  'red',
  'green',
  'blue',
  'yellow',
  'purple',
  'brighter',
  'darker',
  'contrast',
  'vivid',
  'mosaic',
  'blur',
  'frame',
  'same',
  'blend',
] as const;
export type Kind = (typeof KINDS)[number];

/** The edits that LoRAs add, each under its LoRA's name. */
export const LORA_KINDS = ['pencil'] as const;
export type LoraKind = (typeof LORA_KINDS)[number];

/** What each pixel becomes on its own; the result may lie outside of 0 to 1. */
type PointEdit = (rgb: Colour, luminance: number) => Colour;

const POINT_EDITS = {
  black_and_white: (_, l) => [l, l, l],
  negative: ([r, g, b]) => [1 - r, 1 - g, 1 - b],
  sepia: ([r, g, b]) => mapColour<Colour>(SEPIA, (row) => 0.9 * (row[0] * r + row[1] * g + row[2] * b)),
  warm: ([r, g, b]) => [1.1 * r + 0.08, 0.95 * g + 0.02, 0.6 * b],
  cool: ([r, g, b]) => [0.6 * r, 0.9 * g + 0.02, 1.1 * b + 0.08],
  red: tint(TINTS.red),
  green: tint(TINTS.green),
  blue: tint(TINTS.blue),
  yellow: tint(TINTS.yellow),
  purple: tint(TINTS.purple),
  brighter: (rgb) => mapColour(rgb, (x) => 0.35 + 0.65 * x),
  darker: (rgb) => mapColour(rgb, (x) => 0.4 * x),
  contrast: (rgb) => mapColour(rgb, (x) => (x - 0.5) * 1.8 + 0.5),
  vivid: (rgb, l) => mapColour(rgb, (x) => l + 2 * (x - l)),
  same: (rgb) => rgb,
} as const satisfies Partial<Record<Kind, PointEdit>>;

/**
 * What the edit `kind` should make of a picture, in 0 to 1. Only `blend` heeds `second`, a picture of the same size.
 * Sides are multiples of 8. The definitions are those of training/edits.py.
 */
export function exactEdit(kind: Kind | LoraKind, picture: Picture, second: Picture = picture): Picture {
  switch (kind) {
    case 'pencil':
      return pencil(picture);
    case 'mosaic':
      return mosaic(picture);
    case 'blur':
      return blur(picture);
    case 'frame':
      return frame(picture);
    case 'blend':
      return { ...picture, data: picture.data.map((x, i) => 0.5 * x + 0.5 * (second.data[i] ?? 0)) };
    default:
      return editPoints(picture, POINT_EDITS[kind]);
  }
}

function tint([r, g, b]: Colour): PointEdit {
  return ([x, y, z], l) => [
    (0.3 * x + 0.7 * l + 0.08) * r,
    (0.3 * y + 0.7 * l + 0.08) * g,
    (0.3 * z + 0.7 * l + 0.08) * b,
  ];
}

function mapColour<T>([a, b, c]: readonly [T, T, T], f: (x: T) => number): Colour {
  return [f(a), f(b), f(c)];
}

function editPoints(picture: Picture, edit: PointEdit): Picture {
  const data = new Float32Array(picture.data.length);
  for (let i = 0; i < data.length; i += 3) {
    const rgb: Colour = [picture.data[i]!, picture.data[i + 1]!, picture.data[i + 2]!];
    const luminance = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
    for (const [c, x] of edit(rgb, luminance).entries()) data[i + c] = Math.min(1, Math.max(0, x));
  }
  return { ...picture, data };
}

/** Blocks start at the top left corner; each becomes its mean. */
function mosaic({ width, height, data }: Picture): Picture {
  const out = new Float32Array(data.length);
  const size = MOSAIC_PIXELS;
  for (let at = 0; at < (width / size) * (height / size); at++) {
    const left = (at % (width / size)) * size;
    const top = Math.floor(at / (width / size)) * size;
    for (let c = 0; c < 3; c++) {
      const places = Array.from(
        { length: size * size },
        (_, i) => ((top + Math.floor(i / size)) * width + left + (i % size)) * 3 + c,
      );
      const mean = places.reduce((sum, place) => sum + data[place]!, 0) / places.length;
      for (const place of places) out[place] = mean;
    }
  }
  return { width, height, data: out };
}

/** A Gaussian blur whose pixels beyond an edge are those of the edge. */
function blur(picture: Picture): Picture {
  const { width, height } = picture;
  const weights = Array.from({ length: 2 * BLUR_RADIUS + 1 }, (_, i) =>
    Math.exp(-((i - BLUR_RADIUS) ** 2) / (2 * BLUR_SIGMA ** 2)),
  );
  const sum = weights.reduce((a, b) => a + b, 0);
  const kernel = weights.map((weight) => weight / sum);
  const pass = (data: Float32Array, placeOf: (x: number, y: number, shift: number) => number): Float32Array =>
    data.map((_, i) => {
      const x = Math.floor(i / 3) % width;
      const y = Math.floor(i / 3 / width);
      let total = 0;
      for (const [k, weight] of kernel.entries()) total += weight * data[3 * placeOf(x, y, k - BLUR_RADIUS) + (i % 3)]!;
      return total;
    });
  const within = (at: number, length: number): number => Math.min(length - 1, Math.max(0, at));
  const across = pass(picture.data, (x, y, shift) => y * width + within(x + shift, width));
  return { width, height, data: pass(across, (x, y, shift) => within(y + shift, height) * width + x) };
}

/** Dark lines on white paper, where the picture is darker than around. */
function pencil(picture: Picture): Picture {
  const grey = editPoints(picture, POINT_EDITS.black_and_white);
  const around = blur(grey).data;
  const lines = grey.data.map((x, i) => PENCIL_PAPER + PENCIL_STRENGTH * (x - around[i]!));
  return { ...picture, data: lines.map((x) => Math.min(1, Math.max(0, x))) };
}

function frame({ width, height, data }: Picture): Picture {
  const inside = (at: number, length: number): boolean => at >= FRAME_PIXELS && at < length - FRAME_PIXELS;
  const out = data.map((value, i) => {
    const pixel = Math.floor(i / 3);
    return inside(pixel % width, width) && inside(Math.floor(pixel / width), height) ? value : 1;
  });
  return { width, height, data: out };
}
