import { createRequire } from 'node:module';
import { env } from 'onnxruntime-node';
import sharp from 'sharp';
import { z } from 'zod';

const manifest = z.object({ version: z.string() });
const ours = manifest.parse(createRequire(import.meta.url)('../package.json')).version;

/** Versions of what a picture depends on. */
export function versions() {
  return {
    'qwen-edit': ours,
    'onnxruntime-node': env.versions.node ?? env.versions.common,
    libvips: sharp.versions.vips,
    node: process.versions.node,
  } satisfies Record<string, string>;
}
