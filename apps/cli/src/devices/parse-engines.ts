import { AppError, type DeviceName, type DevicePlace, deviceKey, isProcessor, parseDevices } from '@qwen-edit/contract';

/** The devices of one engine: more than one if it is spread. */
export type EngineDevices = readonly DevicePlace[];

/** The kind of the devices of an engine. */
export const kindOf = ([first]: EngineDevices): DeviceName => first?.name ?? 'cpu';

/**
 * The engines that QWEN_EDIT_DEVICES names. Throws AppError `invalid_parameter` for what names no device, and for a device that
 * comes twice: a card has one engine.
 *
 * @example
 * parseEngines('cuda:0+cuda:1,cpu') // [[cuda 0, cuda 1], [cpu]]
 */
export function parseEngines(text: string): readonly EngineDevices[] {
  const engines = parseDevices(text);
  const keys = engines.flat().map(deviceKey);
  const twice = engines.flat().find((place, i) => keys.indexOf(deviceKey(place)) < i);
  if (twice !== undefined)
    throw new AppError(
      'invalid_parameter',
      isProcessor(twice)
        ? `${deviceKey(twice)} comes twice; QWEN_EDIT_MAX_CONCURRENCY says how many engines compute on it.`
        : `${deviceKey(twice)} comes twice, and a card has one engine.`,
    );
  return engines;
}

/** The devices of one engine, as --device names them. Throws AppError `invalid_parameter` also for a list of several engines. */
export function parseEngine(text: string): EngineDevices {
  const [engine, ...others] = parseEngines(text);
  if (engine === undefined || others.length > 0)
    throw new AppError('invalid_parameter', `${JSON.stringify(text)} names several engines, and there is one here.`, {
      hint: 'Name one device, or several with + between, over which the engine is spread.',
    });
  return engine;
}
