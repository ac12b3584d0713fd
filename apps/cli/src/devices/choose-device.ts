import { AppError, devicesKey, isCudaCard, parseDevice, toAppError } from '@qwen-edit/contract';
import { inspectModel } from '@qwen-edit/pipeline';
import { usablePrecision } from '../precision-setting.ts';
import type { Config } from '../settings.ts';
import { engineBudget } from './card-memory.ts';
import { chooseEngines, type DeviceConfig } from './choose-engines.ts';
import type { LookAtCards } from './machine-cards.ts';
import type { EngineDevices } from './parse-engines.ts';
import { requireCards } from './require-cards.ts';
import { fitsUsualEdit } from './usual-edit.ts';

/** The devices of the one engine of a command. */
export interface ChosenDevice {
  readonly places: EngineDevices;
  /** Bytes of cards to plan with; undefined for the processor, and if nobody knows. */
  readonly deviceMemoryBytes: number | undefined;
  /** What a person should know of the choice. */
  readonly notes: readonly string[];
}

/**
 * The devices that a flag names; without it, the first engine of those that a worker here would have which can be used now. Throws
 * AppError `device_unavailable` for a card that cannot be used, if no other engine is named.
 */
export async function chooseDevice(
  flag: EngineDevices | undefined,
  config: DeviceConfig & Pick<Config, 'dtype'>,
  { modelDir, look }: { readonly modelDir: string; readonly look: LookAtCards },
): Promise<ChosenDevice> {
  const { engines, notes } =
    flag === undefined
      ? await chooseEngines(config, { look, fits: await fitsModel(modelDir, config, look) })
      : { engines: [flag], notes: [] };
  const obstacles: AppError[] = [];
  for (const places of engines) {
    if (!places.some(isCudaCard))
      return { places, deviceMemoryBytes: undefined, notes: noted(notes, obstacles, places) };
    const known = await look();
    try {
      requireCards(places, known, config);
      const deviceMemoryBytes = engineBudget(places, known, config);
      return { places, deviceMemoryBytes, notes: noted(notes, obstacles, places) };
    } catch (thrown) {
      obstacles.push(toAppError(thrown));
    }
  }
  throw obstacles[0] ?? new AppError('internal', 'No device was chosen.');
}

function noted(notes: readonly string[], obstacles: readonly AppError[], places: EngineDevices): readonly string[] {
  const [first] = obstacles;
  return first === undefined ? notes : [...notes, `${devicesKey(places)} computes: ${first.message}`];
}

/** Only where there are several cards does it matter whether one holds the model. */
async function fitsModel(
  modelDir: string,
  config: DeviceConfig & Pick<Config, 'dtype'>,
  look: LookAtCards,
): Promise<((bytes: number) => boolean) | undefined> {
  if (config.forceCpu || config.devices !== undefined || config.engineProgram !== undefined) return undefined;
  const { visible, provider } = await look();
  if (visible.length < 2 || provider === undefined) return undefined;
  const model = await inspectModel(modelDir).catch(() => undefined);
  const { name } = parseDevice('cuda');
  return model && fitsUsualEdit(model, name, usablePrecision(config, name));
}
