import { type OpenEditor, withEditors } from './editors.ts';
import { readCroppedPicture } from './pictures.ts';
import { editOnce } from './quality.ts';

/** Seconds of one edit at the recommended settings on one thread; `load_s` of opening the checkpoint. */
export interface EditSpeed {
  readonly side: number;
  readonly load_s: number;
  readonly edit_s: number;
}

/**
 * The quickest of `rounds` edits of a square photo, reference and result of `side` pixels, after one that warms up.
 * Decoding and encoding of the pictures is counted, as a user would count it.
 */
export async function measureSpeed(
  open: OpenEditor,
  photo: Uint8Array,
  side: number,
  rounds: number,
): Promise<EditSpeed> {
  const picture = await readCroppedPicture(photo, side, side);
  const start = performance.now();
  return withEditors({ open, engines: 1 }, async (onEditors) => {
    const load_s = (performance.now() - start) / 1000;
    const [edit_s = Number.NaN] = await onEditors([picture], async (editor, input) => {
      const times: number[] = [];
      for (let round = 0; round <= rounds; round++) {
        const before = performance.now();
        await editOnce(editor, [input], 'make it black and white');
        if (round > 0) times.push((performance.now() - before) / 1000);
      }
      return Math.min(...times);
    });
    return { side, load_s, edit_s };
  });
}
