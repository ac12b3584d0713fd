import type { DeviceName } from '@qwen-edit/contract';

/** A card by what its maker publishes: peaks without sparsity, operations a second; bytes a second. */
export interface KnownCard {
  readonly name: string;
  /** How an engine reaches it. */
  readonly device: DeviceName;
  /** GiB that a program can have. */
  readonly memory: number;
  readonly bandwidth: number;
  /** Of its matrix units in bf16 or fp16, sums in fp32, and in int8; null where the maker names none. Only CUDA's kernels use them here. */
  readonly matrix: { readonly half: number; readonly int8: number | null } | null;
  /** Of its other units, which WebGPU's kernels use. */
  readonly plain: { readonly fp32: number; readonly fp16: number };
  /** To main memory, one way. */
  readonly link: number;
  readonly source: string;
}

const T = 1e12;
const G = 1e9;
const PCIE_4 = 31.5 * G;
const PCIE_5 = 63 * G;

/** Figures of the makers' data sheets as of 2025. */
export const KNOWN_CARDS: readonly KnownCard[] = [
  {
    name: 'H200 SXM',
    ...{ device: 'cuda', memory: 141, bandwidth: 4800 * G, link: PCIE_5 },
    matrix: { half: 989 * T, int8: 1979 * T },
    plain: { fp32: 67 * T, fp16: 134 * T },
    source: 'NVIDIA H200 data sheet',
  },
  {
    name: 'H100 SXM',
    ...{ device: 'cuda', memory: 80, bandwidth: 3350 * G, link: PCIE_5 },
    matrix: { half: 989 * T, int8: 1979 * T },
    plain: { fp32: 67 * T, fp16: 134 * T },
    source: 'NVIDIA H100 data sheet',
  },
  {
    name: 'A100 80 GB SXM',
    ...{ device: 'cuda', memory: 80, bandwidth: 2039 * G, link: PCIE_4 },
    matrix: { half: 312 * T, int8: 624 * T },
    plain: { fp32: 19.5 * T, fp16: 78 * T },
    source: 'NVIDIA A100 data sheet',
  },
  {
    name: 'L40S',
    ...{ device: 'cuda', memory: 48, bandwidth: 864 * G, link: PCIE_4 },
    matrix: { half: 362 * T, int8: 733 * T },
    plain: { fp32: 91.6 * T, fp16: 91.6 * T },
    source: 'NVIDIA L40S data sheet',
  },
  {
    name: 'RTX 5090',
    ...{ device: 'cuda', memory: 32, bandwidth: 1792 * G, link: PCIE_5 },
    matrix: { half: 209.5 * T, int8: 838 * T },
    plain: { fp32: 104.8 * T, fp16: 104.8 * T },
    source: 'NVIDIA RTX Blackwell architecture',
  },
  {
    name: 'RTX 4090',
    ...{ device: 'cuda', memory: 24, bandwidth: 1008 * G, link: PCIE_4 },
    matrix: { half: 165.2 * T, int8: 660.6 * T },
    plain: { fp32: 82.6 * T, fp16: 82.6 * T },
    source: 'NVIDIA Ada architecture',
  },
  {
    name: 'RTX 3090',
    ...{ device: 'cuda', memory: 24, bandwidth: 936 * G, link: PCIE_4 },
    matrix: { half: 71 * T, int8: 284 * T },
    plain: { fp32: 35.6 * T, fp16: 35.6 * T },
    source: 'NVIDIA Ampere GA102 architecture',
  },
  {
    name: 'AMD MI300X',
    ...{ device: 'webgpu', memory: 192, bandwidth: 5300 * G, link: PCIE_5 },
    matrix: { half: 1307.4 * T, int8: 2614.9 * T },
    plain: { fp32: 163.4 * T, fp16: 163.4 * T },
    source: 'AMD Instinct MI300X data sheet',
  },
  {
    name: 'AMD RX 7900 XTX',
    ...{ device: 'webgpu', memory: 24, bandwidth: 960 * G, link: PCIE_4 },
    matrix: { half: 122.8 * T, int8: 122.8 * T },
    plain: { fp32: 61.4 * T, fp16: 122.8 * T },
    source: 'AMD product page',
  },
  {
    // Three quarters of its 128 GB can be a program's for graphics; the operations are its cores' by their clock.
    name: 'Apple M4 Max, 40 cores',
    ...{ device: 'webgpu', memory: 96, bandwidth: 546 * G, link: 546 * G },
    matrix: null,
    plain: { fp32: 18.4 * T, fp16: 18.4 * T },
    source: 'Apple for memory and bandwidth; operations worked out',
  },
  {
    name: 'Intel Arc A770',
    ...{ device: 'webgpu', memory: 16, bandwidth: 560 * G, link: PCIE_4 },
    matrix: { half: 131 * T, int8: 262 * T },
    plain: { fp32: 19.7 * T, fp16: 39.3 * T },
    source: 'Intel product page',
  },
  {
    name: 'Intel Arc B580',
    ...{ device: 'webgpu', memory: 12, bandwidth: 456 * G, link: PCIE_4 / 2 },
    matrix: { half: 116.5 * T, int8: 233 * T },
    plain: { fp32: 13.7 * T, fp16: 27.3 * T },
    source: 'Intel product page',
  },
];
