/** At which size the model copies from a picture: its own, or the result's. */
export const REFERENCE_SIZES = ['model', 'output'] as const;
export type ReferenceSize = (typeof REFERENCE_SIZES)[number];

export const PRESET_NAMES = ['draft'] as const;
export type PresetName = (typeof PRESET_NAMES)[number];

/** What a preset stands for. */
export interface Preset {
  readonly output_area: number;
  readonly reference_size: ReferenceSize;
}

/** The values of each preset, for what a request does not say itself. They never make an edit larger than the model's own. */
export const PRESETS: Readonly<Record<PresetName, Preset>> = {
  draft: { output_area: 512 * 512, reference_size: 'output' },
};
