import { LANGUAGES, type Language } from '@qwen-edit/contract';
import type { MeasureSettings } from './editors.ts';
import { KINDS, type Kind } from './exact-edits.ts';

/** One way in which edits of photos are compared with exact edits: sizes, photos, prompts and settings. */
export interface QualitySuite {
  readonly title: string;
  /** Pixels of photos and results. */
  readonly width: number;
  readonly height: number;
  /** How many of the photos take part, from the first on. */
  readonly photos: number;
  readonly kinds: readonly Kind[];
  readonly languages: readonly Language[];
  readonly settings: MeasureSettings;
}

/** The defaults of the guide, which are not those of the checkpoint. */
const GUIDE: MeasureSettings = { num_inference_steps: 40, true_cfg_scale: 4, negative_prompt: ' ' };
const A_FEW_KINDS: readonly Kind[] = ['negative', 'green', 'same'];

export const QUALITY_SUITE_NAMES = ['recommended', 'small', 'guide', 'large', 'wide', 'tall'] as const;
export type QualitySuiteName = (typeof QUALITY_SUITE_NAMES)[number];

/** Every suite of the demo model. MeasureSettings that a suite leaves out are those that the checkpoint recommends. */
export const QUALITY_SUITES: Readonly<Record<QualitySuiteName, QualitySuite>> = {
  recommended: {
    title: 'recommended settings',
    width: 256,
    height: 256,
    photos: 4,
    kinds: KINDS,
    languages: LANGUAGES,
    settings: {},
  },
  small: {
    title: 'small photos',
    width: 128,
    height: 128,
    photos: 2,
    kinds: KINDS,
    languages: LANGUAGES,
    settings: {},
  },
  guide: {
    title: "the guide's defaults",
    width: 128,
    height: 128,
    photos: 2,
    kinds: KINDS,
    languages: LANGUAGES,
    settings: GUIDE,
  },
  large: {
    title: 'a large photo',
    width: 512,
    height: 512,
    photos: 1,
    kinds: ['black_and_white', 'negative', 'frame'],
    languages: ['en'],
    settings: {},
  },
  wide: {
    title: 'wide photos',
    width: 320,
    height: 224,
    photos: 2,
    kinds: A_FEW_KINDS,
    languages: ['en'],
    settings: {},
  },
  tall: {
    title: 'tall photos',
    width: 192,
    height: 256,
    photos: 2,
    kinds: A_FEW_KINDS,
    languages: ['en'],
    settings: {},
  },
};

/** Pixels of a side of the photos that wishes unknown to the model are tried on. */
export const LEFT_ALONE_SIDE = 256;

/** Sides and numbers of the photos on which it is measured how like results are to them. */
export const LIKENESS_SUITES = [
  { side: 128, photos: 4 },
  { side: 256, photos: 2 },
] as const;

/** A wide photo at its default size, on which the prompts of the model card are tried. */
export const CARD_SIZE = { width: 320, height: 224 } as const;
