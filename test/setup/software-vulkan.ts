import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { environment } from '../config.ts';

/** Folders in which browsers of Chromium's family bring SwiftShader, a Vulkan driver that computes on the processor, and a Vulkan loader. */
const FOLDERS = [
  '/usr/lib/chromium',
  '/usr/lib/chromium-browser',
  '/opt/google/chrome',
  '/opt/microsoft/msedge',
] as const;
const DRIVER = 'vk_swiftshader_icd.json';
const LOADER = 'libvulkan.so.1';

/**
 * What a process needs in its environment when it starts, so that WebGPU finds an adapter on a machine without a graphics card;
 * undefined if no SwiftShader is installed. The dynamic linker reads LD_LIBRARY_PATH once, at the start: setting it in a process
 * that runs does nothing.
 */
export function softwareVulkan(): Readonly<Record<string, string>> | undefined {
  const folder = FOLDERS.find((each) => existsSync(join(each, DRIVER)) && existsSync(join(each, LOADER)));
  if (folder === undefined) return undefined;
  const before = environment.LD_LIBRARY_PATH;
  return {
    VK_ICD_FILENAMES: join(folder, DRIVER),
    LD_LIBRARY_PATH: before === undefined || before === '' ? folder : `${folder}:${before}`,
  };
}
