import { join } from 'node:path';
import type { AppError } from '@qwen-edit/contract';
import {
  type HubSettings,
  type ModelRef,
  type PulledModel,
  type PullOptions,
  parseModelRef,
  pullModel,
} from '@qwen-edit/hub';
import { onTestFinished } from 'vitest';
import { temporaryFolder } from '../bad-input/model-copies.ts';
import { type HubModel, type HubServer, type HubServerOptions, startHubServer } from './hub-server.ts';
import { smallModel } from './models.ts';

export interface HubHarness {
  readonly hub: HubServer;
  readonly files: Readonly<Record<string, Uint8Array>>;
  readonly commit: string;
  readonly ref: ModelRef;
  readonly folder: string;
  readonly settings: HubSettings;
  pull(options?: Partial<PullOptions>, settings?: Partial<HubSettings>): Promise<PulledModel>;
}

export const SHARD = 'transformer/diffusion_pytorch_model-00001-of-00002.safetensors';
/** A network that recovers at once. */
export const QUICK = { firstMs: 1, maxMs: 5, stallMs: 30_000, beatMs: 50, deadMs: 1000 };

/** A hub with one small model, and an empty cache. */
export async function startHarness(options: HubServerOptions = {}, model: Partial<HubModel> = {}): Promise<HubHarness> {
  const hub = await startHubServer(options);
  onTestFinished(() => hub.close());
  const files = model.files ?? smallModel();
  const commit = hub.serve({ repo: 'Qwen/Small', ...model, files });
  const folder = await temporaryFolder();
  const ref = parseModelRef(model.repo ?? 'Qwen/Small');
  const settings = { endpoint: hub.endpoint, cacheDir: join(folder, 'hub'), offline: false };
  return {
    ...{ hub, files, commit, ref, folder, settings },
    pull: (more = {}, others = {}) =>
      pullModel(ref, { ...settings, ...others }, { signal: AbortSignal.timeout(600_000), timing: QUICK, ...more }),
  };
}

/** The error that a call rejects with. */
export async function errorOf(promise: Promise<unknown>): Promise<AppError> {
  return promise.then(
    () => {
      throw new Error('it succeeded');
    },
    (thrown: AppError) => thrown,
  );
}
