import { describe, expect, it } from 'vitest';
import { processorOf } from './processor.ts';

const intel = `processor	: 0
vendor_id	: GenuineIntel
cpu family	: 6
model		: 143
model name	: Intel(R) Xeon(R) Processor
flags		: fpu avx512f avx_vnni avx512_bf16 avx512_vnni amx_bf16 amx_tile amx_int8
`;

describe('the processor is named by its numbers and by what it computes with', () => {
  it('on Intel, whose models share a name', () => {
    expect(processorOf(intel)).toBe(
      'Intel(R) Xeon(R) Processor (family 6, model 143; AVX-512 VNNI, AVX-VNNI, AMX int8, AMX bf16, AVX-512 bf16)',
    );
  });

  it('with what it lacks', () => {
    const amd = intel.replace(/ avx_vnni| amx_\w+/g, '').replace('Intel(R) Xeon(R) Processor', 'AMD EPYC 9R14');
    expect(processorOf(amd)).toBe(
      'AMD EPYC 9R14 (family 6, model 143; AVX-512 VNNI, AVX-512 bf16; no AVX-VNNI, AMX int8, AMX bf16)',
    );
  });

  it('on ARM, which has no name there', () => {
    const arm = 'processor\t: 0\nFeatures\t: fp asimddp i8mm bf16\nCPU implementer\t: 0x41\nCPU part\t: 0xd4f\n';
    expect(processorOf(arm)).toBe('ARM (implementer 0x41, part 0xd4f; dot products, i8mm, bf16)');
  });

  it('not from a text that says nothing', () => {
    expect(processorOf('')).toBeUndefined();
  });
});
