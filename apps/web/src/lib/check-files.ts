import { isAccepted, type PictureKind } from './picture-kind.ts';

export interface FileFacts {
  readonly name: string;
  readonly bytes: number;
  /** undefined for what is no picture. */
  readonly kind: PictureKind | undefined;
}

export interface IntakeLimits {
  /** Pictures of a job. */
  readonly images: number;
  readonly imageBytes: number;
  /** All pictures of a job together, as they travel in one request. */
  readonly bodyBytes: number;
}

export type Refusal = 'no_picture' | 'heic' | 'too_large' | 'too_large_together' | 'empty';

export interface Intake<F extends FileFacts> {
  readonly taken: readonly F[];
  readonly refused: readonly { readonly file: F; readonly reason: Refusal }[];
  /** Pictures that are fine, but for which there is no room. */
  readonly leftOut: number;
}

/** The form's other fields travel too. */
const ROOM_FOR_FIELDS = 200_000;

/** Takes the first files that fit beside those that are there; says of each other one why not. */
export function checkFiles<F extends FileFacts>(
  files: readonly F[],
  present: { readonly count: number; readonly bytes: number },
  limits: IntakeLimits,
): Intake<F> {
  const taken: F[] = [];
  const refused: { file: F; reason: Refusal }[] = [];
  let leftOut = 0;
  let room = limits.bodyBytes - ROOM_FOR_FIELDS - present.bytes;
  for (const file of files) {
    const reason = refusalOf(file, limits);
    if (reason !== undefined) refused.push({ file, reason });
    else if (present.count + taken.length >= limits.images) leftOut++;
    else if (file.bytes > room) refused.push({ file, reason: 'too_large_together' });
    else {
      taken.push(file);
      room -= file.bytes;
    }
  }
  return { taken, refused, leftOut };
}

function refusalOf({ kind, bytes }: FileFacts, limits: IntakeLimits): Refusal | undefined {
  if (bytes === 0) return 'empty';
  if (kind === undefined) return 'no_picture';
  if (!isAccepted(kind)) return 'heic';
  return bytes > largestPicture(limits) ? 'too_large' : undefined;
}

/** Bytes that one picture may have. */
export function largestPicture({ imageBytes, bodyBytes }: IntakeLimits): number {
  return Math.min(imageBytes, bodyBytes - ROOM_FOR_FIELDS);
}
