import { join } from 'node:path';

/** What a measurement says of an edit beyond its prompt; what it leaves out is what the checkpoint recommends. */
export interface MeasureSettings {
  readonly num_inference_steps?: number;
  readonly true_cfg_scale?: number;
  readonly negative_prompt?: string;
  readonly width?: number;
  readonly height?: number;
  /** LoRAs of the model, by name. */
  readonly lora?: readonly { readonly name: string; readonly scale: number }[];
  readonly preset?: string;
}

/** A pipeline with a loaded checkpoint. It is handed in, because a package imports no other package of ours. */
export interface DemoEditor {
  edit(request: {
    readonly images: readonly Uint8Array[];
    readonly parameters: MeasureSettings & { readonly prompt: string; readonly seed: string };
  }): Promise<{
    readonly outputs: readonly { readonly width: number; readonly height: number; readonly bytes: Uint8Array }[];
    readonly timings: { readonly total_s: number };
  }>;
  close(): Promise<void>;
}

export type OpenEditor = (options: { readonly modelDir: string; readonly threads: number }) => Promise<DemoEditor>;

/** Gives each item to the next free editor; results keep the order of the items. */
export type OnEditors = <T, R>(items: readonly T[], task: (editor: DemoEditor, item: T) => Promise<R>) => Promise<R[]>;

export interface EditorsOptions {
  readonly open: OpenEditor;
  /** Editors side by side, of one thread each. */
  readonly engines: number;
}

/** One seed for all measurements, so that they can be repeated. */
export const SEED = '1';

const HERE = join(import.meta.dirname, '..');

/** Opens editors of the demo model, and closes them when `use` is over. */
export async function withEditors<T>(options: EditorsOptions, use: (onEditors: OnEditors) => Promise<T>): Promise<T> {
  const editors: DemoEditor[] = [];
  try {
    for (let i = 0; i < options.engines; i++) editors.push(await options.open({ modelDir: HERE, threads: 1 }));
    return await use((items, task) => shareOut(editors, items, task));
  } finally {
    await Promise.all(editors.map((editor) => editor.close()));
  }
}

async function shareOut<T, R>(
  editors: readonly DemoEditor[],
  items: readonly T[],
  task: (editor: DemoEditor, item: T) => Promise<R>,
): Promise<R[]> {
  const results = new Map<number, R>();
  const waiting = items.entries();
  await Promise.all(
    editors.map(async (editor) => {
      for (const [i, item] of waiting) results.set(i, await task(editor, item));
    }),
  );
  return [...results].sort(([a], [b]) => a - b).map(([, result]) => result);
}
