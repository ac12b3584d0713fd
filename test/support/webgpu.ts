import { describe, test } from 'vitest';
import { environment, inCi, realDevice } from '../config.ts';
import { softwareVulkan } from '../setup/software-vulkan.ts';

/**
 * The device of the tests under test/webgpu: `webgpu` on a Vulkan driver that computes on the processor, or the real one that
 * QWEN_EDIT_TEST_DEVICE names.
 *
 * Vitest's project `webgpu` starts its processes with the environment of softwareVulkan(), so that these tests can open sessions on
 * the device themselves, and engine processes, which are their children, inherit it. Tests elsewhere have no adapter.
 */
export const TEST_DEVICE = realDevice ?? 'webgpu';

/** SwiftShader gets fused attention and some convolutions wrong. */
export const KERNELS = realDevice === undefined ? 'safe' : 'fast';

/** Why this process has no such device. */
function missing(): string | undefined {
  if (realDevice !== undefined) return undefined;
  const driver = softwareVulkan();
  if (driver === undefined) return 'no SwiftShader here: install chromium, or name a device in QWEN_EDIT_TEST_DEVICE';
  const has = environment.VK_ICD_FILENAMES === driver.VK_ICD_FILENAMES;
  return has ? undefined : 'no adapter in this process: the test belongs under test/webgpu';
}

/** `describe` for tests that need TEST_DEVICE. Without it they are skipped, and their name says why; in CI they fail. */
export function describeOnDevice(name: string, body: () => void): void {
  const why = missing();
  if (why === undefined || !inCi)
    describe.skipIf(why !== undefined)(why === undefined ? name : `${name} (${why})`, body);
  else
    test(name, () => {
      throw new Error(why);
    });
}
