import { cp, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openModelFolder } from '../../packages/pipeline/src/hub/model-folder.ts';
import { verifyModel } from '../../packages/pipeline/src/index.ts';
import { checkpointDir } from '../parity/goldens.ts';
import { changeJson, changeSafetensors, copyOf, temporaryFolder } from './model-copies.ts';
import { expectRefusal } from './refusals.ts';

type Code = 'model_not_found' | 'model_incomplete' | 'model_corrupt' | 'model_unsupported';

/** A safetensors file with tensors of one element. */
function safetensors(tensors: Readonly<Record<string, string>>): Buffer {
  let at = 0;
  const entries = Object.entries(tensors).map(([name, dtype]) => {
    const bytes = dtype.startsWith('F8') || dtype === 'U8' || dtype === 'I8' ? 1 : 2;
    at += bytes;
    return [name, { dtype, shape: [1], data_offsets: [at - bytes, at] }];
  });
  const json = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([prefix, json, Buffer.alloc(at, 1)]);
}

/** A folder with these files. */
async function folderWith(files: Readonly<Record<string, string | Buffer>>): Promise<string> {
  const dir = join(await temporaryFolder(), 'model');
  await mkdir(dir);
  for (const [file, content] of Object.entries(files)) {
    await mkdir(dirname(join(dir, file)), { recursive: true });
    await writeFile(join(dir, file), content);
  }
  return dir;
}

const LFS = `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 9973578592\n`;
const HTML = '<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>';
const ZIP = Buffer.from('PK\u0003\u0004....README.txt');
const TORCH = Buffer.from('PK\u0003\u0004....archive/data.pkl');
const TAR = Buffer.alloc(1024);
TAR.write('model/config.json', 0);
TAR.write('ustar', 257);
const CONFIG = JSON.stringify({ architectures: ['Qwen2_5_VLForConditionalGeneration'] });

/** What the refusal says, and what its hint does. */
interface Told {
  readonly code: Code;
  readonly says: readonly string[];
  readonly hint: string;
}

/** Load and verify tell the same, and neither says to download again what is whole. */
async function expectTold(dir: string, { code, says, hint }: Told): Promise<void> {
  const error = await expectRefusal(openModelFolder(dir), code, ...says);
  expect(error.hint).toContain(hint);
  const findings = await verifyModel(dir, { depth: 'headers', signal: new AbortController().signal });
  expect(findings).toContainEqual(expect.objectContaining({ code, message: error.message, hint: error.hint }));
  if (code === 'model_unsupported') expect(error.hint).not.toMatch(/download it again|what is missing/i);
}

describe('a folder that is no model folder is called what it is', () => {
  it.each<[string, Readonly<Record<string, string | Buffer>>, Code, string, string]>([
    ['PyTorch files', { 'pytorch_model.bin': TORCH }, 'model_unsupported', 'PyTorch', '.safetensors'],
    ['an old pickle', { 'x.ckpt': Buffer.from([0x80, 2, 0x7d]) }, 'model_unsupported', 'PyTorch', '.safetensors'],
    ['GGUF', { 'q-Q4_K_M.gguf': Buffer.from('GGUF\u0003...') }, 'model_unsupported', 'GGUF', 'bf16'],
    ['ONNX', { 'model.onnx': Buffer.from([8, 8]) }, 'model_unsupported', 'ONNX', 'diffusers folder'],
    [
      'ComfyUI, one file',
      { 'q.safetensors': safetensors({ 'model.diffusion_model.img_in.weight': 'BF16' }) },
      'model_unsupported',
      'ComfyUI',
      'diffusers folder',
    ],
    [
      'ComfyUI, scaled fp8',
      { 'q.safetensors': safetensors({ 'model.diffusion_model.a.weight': 'F8_E4M3', scaled_fp8: 'BF16' }) },
      'model_unsupported',
      'scaled fp8',
      'bf16',
    ],
    [
      'fp8',
      { 'q.safetensors': safetensors({ 'transformer_blocks.0.a.weight': 'F8_E5M2' }) },
      'model_unsupported',
      'fp8',
      'bf16',
    ],
    [
      'the transformer alone',
      { 'q.safetensors': safetensors({ 'transformer_blocks.0.a.weight': 'BF16' }) },
      'model_unsupported',
      'the transformer alone',
      'diffusers folder',
    ],
    [
      'nf4',
      {
        'q.safetensors': safetensors({
          'a.weight': 'U8',
          'a.weight.absmax': 'U8',
          'a.weight.quant_state.bitsandbytes__nf4': 'U8',
        }),
      },
      'model_unsupported',
      'bitsandbytes',
      'bf16',
    ],
    [
      'int8',
      { 'q.safetensors': safetensors({ 'a.weight': 'I8', 'a.SCB': 'BF16' }) },
      'model_unsupported',
      'bitsandbytes',
      'bf16',
    ],
    [
      'SVDQuant',
      { 'svdq-int4.safetensors': safetensors({ 'a.qweight': 'I8', 'a.wscales': 'BF16' }) },
      'model_unsupported',
      'nunchaku',
      'bf16',
    ],
    [
      'a LoRA',
      { 'l.safetensors': safetensors({ 'transformer_blocks.0.attn.to_q.lora_A.weight': 'BF16' }) },
      'model_unsupported',
      'LoRA',
      'diffusers folder',
    ],
    [
      'a LoRA of kohya',
      { 'l.safetensors': safetensors({ 'lora_unet_x.lora_down.weight': 'BF16' }) },
      'model_unsupported',
      'LoRA',
      'diffusers folder',
    ],
    [
      'a LoKr',
      { 'l.safetensors': safetensors({ 'x.lokr_w1': 'BF16' }) },
      'model_unsupported',
      'LoRA',
      'diffusers folder',
    ],
    ['a LoRA of PEFT', { 'adapter_config.json': '{}' }, 'model_unsupported', 'LoRA', 'diffusers folder'],
    [
      'a model of transformers',
      { 'config.json': CONFIG, 'model.safetensors': safetensors({ 'model.norm.weight': 'BF16' }) },
      'model_unsupported',
      'Qwen2_5_VLForConditionalGeneration',
      'diffusers folder',
    ],
    ['an archive', { 'model.zip': ZIP }, 'model_unsupported', 'archive', 'Unpack'],
    ['a tar archive', { 'model.tar': TAR }, 'model_unsupported', 'archive', 'Unpack'],
    [
      'the transformer folder alone',
      { 'transformer/config.json': '{}' },
      'model_incomplete',
      'model_index.json',
      'pull',
    ],
    [
      'a download that did not finish',
      { '.cache/huggingface/download/transformer/x.incomplete': '' },
      'model_incomplete',
      'did not finish',
      'pull',
    ],
    ['nothing', {}, 'model_not_found', 'it is empty', 'QWEN_EDIT_2511_DIR'],
    ['a pointer of Git LFS', { 'q.safetensors': LFS }, 'model_incomplete', 'Git LFS', 'git lfs pull'],
    ['a web page', { 'q.safetensors': HTML }, 'model_corrupt', 'web server', 'HF_ENDPOINT'],
  ])('%s', async (_, files, code, says, hint) => {
    await expectTold(await folderWith(files), { code, says: [says], hint });
  });
});

describe('the right path is named', () => {
  it('of a model that lies one level deeper', async () => {
    const dir = await copyOf('tiny-c', 'Qwen-Image-Edit-2511');
    await expectTold(dirname(dir), { code: 'model_not_found', says: ['Qwen-Image-Edit-2511'], hint: dir });
  });

  it('of a file or a part of a model', async () => {
    const dir = checkpointDir('tiny-c');
    for (const path of ['vae', 'model_index.json', 'vae/diffusion_pytorch_model.safetensors'])
      await expectTold(join(dir, path), { code: 'model_not_found', says: [path], hint: `at ${dir}.` });
  });

  it('of a snapshot in the cache of Hugging Face, at any of its levels; that of main comes first', async () => {
    const home = await temporaryFolder();
    const repository = join(home, 'hub/models--Qwen--Qwen-Image-Edit-2511');
    for (const commit of ['aaaa', 'bbbb', 'cccc'])
      await cp(checkpointDir('tiny-c'), join(repository, 'snapshots', commit), { recursive: true });
    for (const folder of ['refs', 'blobs', '../models--a--other/snapshots/dddd', '../models--a--other/blobs'])
      await mkdir(join(repository, folder), { recursive: true });
    await writeFile(join(repository, 'refs/main'), 'bbbb');
    for (const dir of [home, join(home, 'hub'), repository]) {
      const says = ['cache of Hugging Face'];
      await expectTold(dir, { code: 'model_not_found', says, hint: join(repository, 'snapshots/bbbb') });
    }
    await rm(join(repository, 'snapshots'), { recursive: true });
    await mkdir(join(repository, 'snapshots'));
    await expectTold(repository, { code: 'model_incomplete', says: ['no whole model'], hint: 'pull' });
  });
});

describe('another pipeline is named', () => {
  it.each([
    ['QwenImagePipeline', 'from text alone'],
    ['QwenImageEditInpaintPipeline', 'mask'],
    ['QwenImageLayeredPipeline', 'layers'],
    ['FluxKontextPipeline', 'another family'],
    ['SomethingNewPipeline', 'another kind'],
  ])('%s', async (name, says) => {
    const dir = await copyOf('tiny-c');
    await changeJson(dir, 'model_index.json', (json) => {
      json._class_name = name;
    });
    await expectTold(dir, { code: 'model_unsupported', says: [name, says], hint: 'model pull' });
  });
});

describe('a file in its place that is none of a checkpoint is called what it is', () => {
  const WEIGHTS = 'transformer/diffusion_pytorch_model.safetensors';
  it.each<[string, string, string | Buffer, Code, string, string]>([
    ['a pointer of Git LFS', WEIGHTS, LFS, 'model_incomplete', 'Git LFS', 'git lfs pull'],
    ['a pointer of Git LFS', 'processor/tokenizer.json', LFS, 'model_incomplete', 'Git LFS', 'git lfs pull'],
    ['a web page', WEIGHTS, HTML, 'model_corrupt', 'web server', 'HF_ENDPOINT'],
    ['a web page', 'model_index.json', HTML, 'model_corrupt', 'web server', 'HF_ENDPOINT'],
    ['a refusal', WEIGHTS, '{"error":"Access to model is restricted"}', 'model_corrupt', 'web server', 'HF_TOKEN'],
    ['an archive', WEIGHTS, ZIP, 'model_unsupported', 'archive', 'Unpack'],
    ['a pickle under another name', WEIGHTS, TORCH, 'model_unsupported', 'PyTorch', '.safetensors'],
    ['GGUF under another name', WEIGHTS, 'GGUF\u0003\0\0\0', 'model_unsupported', 'GGUF', 'bf16'],
    ['zeros', WEIGHTS, Buffer.alloc(100_000), 'model_corrupt', 'zeros', 'again'],
    ['nothing', WEIGHTS, '', 'model_corrupt', 'empty', 'again'],
    ['fp8', WEIGHTS, safetensors({ 'a.weight': 'F8_E4M3' }), 'model_unsupported', 'fp8', 'bf16'],
    ['scaled fp8', WEIGHTS, safetensors({ 'a.scale_weight': 'F16' }), 'model_unsupported', 'scaled fp8', 'bf16'],
    ['a LoRA', WEIGHTS, safetensors({ 'a.lora_B.weight': 'BF16' }), 'model_unsupported', 'LoRA', 'diffusers folder'],
  ])('%s as %s', async (_, file, content, code, says, hint) => {
    const dir = await copyOf('tiny-c');
    await writeFile(join(dir, file), content);
    await expectTold(dir, { code, says: [file, says], hint });
  });

  it.each<[string, string, Code, string]>([
    ['diffusion_pytorch_model.bin', 'PyTorch', 'model_unsupported', '.safetensors'],
    ['model.onnx', 'ONNX', 'model_unsupported', '.safetensors'],
    ['model-Q8_0.gguf', 'GGUF', 'model_unsupported', 'bf16'],
    ['README.md', 'missing', 'model_incomplete', 'pull'],
  ])('a component with %s instead of its weights', async (name, says, code, hint) => {
    const dir = await copyOf('tiny-c');
    await rename(join(dir, WEIGHTS), join(dir, 'transformer', name));
    await expectTold(dir, { code, says: ['transformer', says], hint });
  });
});

describe("weights of a variant, as save_pretrained(…, variant='bf16') calls them", () => {
  it('are those of the model', async () => {
    const single = await copyOf('tiny-c');
    const plain = await openModelFolder(single);
    for (const [folder, stem] of [
      ['transformer', 'diffusion_pytorch_model'],
      ['vae', 'diffusion_pytorch_model'],
      ['text_encoder', 'model'],
    ] as const)
      await rename(join(single, folder, `${stem}.safetensors`), join(single, folder, `${stem}.bf16.safetensors`));
    expect((await openModelFolder(single)).digest).toBe(plain.digest);

    const sharded = await copyOf('tiny-b');
    const { digest } = await openModelFolder(sharded);
    const index = join(sharded, 'transformer/diffusion_pytorch_model.safetensors.index');
    await rename(`${index}.json`, `${index}.fp16.json`);
    expect((await openModelFolder(sharded)).digest).toBe(digest);
  });

  it('of which there are two are refused, with what to rename', async () => {
    const dir = await copyOf('tiny-c');
    const stem = join(dir, 'transformer/diffusion_pytorch_model');
    await rename(`${stem}.safetensors`, `${stem}.bf16.safetensors`);
    await symlink(`${stem}.bf16.safetensors`, `${stem}.fp16.safetensors`);
    const hint =
      'Rename the one to use, such as diffusion_pytorch_model.bf16.safetensors to diffusion_pytorch_model.safetensors.';
    await expectTold(dir, { code: 'model_unsupported', says: ['bf16 and fp16'], hint });
  });
});

it('one fp8 tensor among others is enough to name fp8', async () => {
  const dir = await copyOf('tiny-c');
  await changeSafetensors(join(dir, 'vae/diffusion_pytorch_model.safetensors'), (header) => {
    header['decoder.conv_out.bias']!.dtype = 'F8_E4M3';
    return undefined;
  });
  await expectTold(dir, { code: 'model_unsupported', says: ['vae', 'decoder.conv_out.bias', 'F8_E4M3'], hint: 'bf16' });
});
