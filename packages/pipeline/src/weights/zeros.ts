import type { TensorInfo } from './safetensors.ts';

/** Bytes [begin, end) of a file that are all zero, with another byte, or the end of the weights, on either side. */
export interface ZeroRun {
  readonly begin: number;
  readonly end: number;
}

/** A page of memory, and the least that a download leaves out. Trained weights have no such row of exact zeros. */
export const MIN_ZERO_RUN = 4096;

/** Layers that training may start from zero: what is added to a residual stream, and modulation. */
const STARTS_AT_ZERO =
  /(^|\.)(img_mod\.1|txt_mod\.1|norm_out\.linear|proj_out|to_out\.0|to_add_out|net\.2|conv2|time_conv|proj|o_proj|down_proj)\.weight$/;

/** More untrained layers than this, one after the other, are no coincidence. */
const NEIGHBOURS = 2;

/** Kernels of convolutions may be sparse, as those that only pass their input on; but not over this much of a large one. */
const SPARSE_KERNEL_BYTES = 256 * 1024;

/** Zeros by chance beside a run do not tell where it really begins or ends. */
const SLACK_BYTES = 64;

/**
 * The matrix that a run of zeros has damaged; undefined if the run may be as the model was trained.
 *
 * A download that broke is zero from wherever it broke: in the middle of a row. What is rightly zero has the outline of what it
 * is: biases and norms, whole layers that training started at zero and never touched, rows of words that no text ever had, of
 * outputs that nobody uses (log variances of a VAE), of neurons that were pruned. So a run of `MIN_ZERO_RUN` bytes or more over
 * a matrix is damage if it begins or ends inside a row, covers more than two layers in a row, or all of a layer that cannot be
 * zero; small kernels may have any zeros. `tensors` are those of the file, in the order of their offsets.
 */
export function damagedBy(run: ZeroRun, tensors: readonly TensorInfo[]): TensorInfo | undefined {
  if (run.end - run.begin < MIN_ZERO_RUN) return undefined;
  const matrices = tensors.filter((tensor) => isMatrix(tensor) && overlap(run, tensor) > slackOf(tensor));
  const [first] = matrices;
  if (first === undefined) return undefined;
  if (matrices.length > NEIGHBOURS) return first;
  return matrices.find((tensor) => !mayBeZero(tensor, run));
}

function mayBeZero(tensor: TensorInfo, run: ZeroRun): boolean {
  const end = tensor.offset + tensor.byteLength;
  if (tensor.shape.length > 2 && overlap(run, tensor) < SPARSE_KERNEL_BYTES) return true;
  if (run.begin <= tensor.offset && run.end >= end)
    return STARTS_AT_ZERO.test(tensor.name) || tensor.byteLength < MIN_ZERO_RUN;
  const row = rowBytes(tensor);
  const slack = slackOf(tensor);
  const into = (run.begin - tensor.offset) % row;
  const beyond = (run.end - tensor.offset) % row;
  const beginsWithRow = run.begin <= tensor.offset || into === 0 || into >= row - slack;
  const endsWithRow = run.end >= end || beyond <= slack;
  return beginsWithRow && endsWithRow;
}

const rowBytes = ({ byteLength, shape }: TensorInfo): number => byteLength / (shape[0] ?? 1);

/** How far from a row's end a run may begin or end. Less in narrow rows, in which every place would else be near an end. */
const slackOf = (tensor: TensorInfo): number => Math.min(SLACK_BYTES, rowBytes(tensor) / 16);

export function isMatrix({ shape }: TensorInfo): boolean {
  return shape.filter((side) => side > 1).length >= 2;
}

function overlap(run: ZeroRun, { offset, byteLength }: TensorInfo): number {
  return Math.min(run.end, offset + byteLength) - Math.max(run.begin, offset);
}

/** How many bytes at the end are zero. */
export function trailingZeros(bytes: Uint8Array): number {
  let count = 0;
  while (count < bytes.length && bytes[bytes.length - 1 - count] === 0) count++;
  return count;
}

/** How many bytes at the beginning are zero. */
export function leadingZeros(bytes: Uint8Array): number {
  const first = bytes.findIndex((byte) => byte !== 0);
  return first === -1 ? bytes.length : first;
}
