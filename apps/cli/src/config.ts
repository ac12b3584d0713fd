import { AppError, MASK, maskIfUrl, maskUrl, PARSING, toAppError } from '@qwen-edit/contract';
import type { z } from 'zod';
import { ADDRESSES, type Config, MAY_BE_EMPTY, SECRETS, settingsSchema, VARIABLES } from './settings.ts';
import { findUnknownSettings, isOfService, type UnknownSetting } from './unknown-settings.ts';

export type { Config } from './settings.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Settings that a command's flags say, by environment variable. They come before the environment. */
export type Overrides = Readonly<Record<string, string>>;

/** Reads the configuration. An empty variable counts as unset. Throws AppError `usage` that names all wrong variables. */
export function readConfig(environment: Environment = process.env, overrides: Overrides = {}): Config {
  const raw = Object.fromEntries(
    Object.entries(VARIABLES).map(([setting, variable]) => [setting, textOf(variable, environment, overrides)]),
  );
  const parsed = settingsSchema.safeParse(raw, PARSING);
  if (parsed.success) return parsed.data;
  throw wrongSettings(parsed.error.issues, raw);
}

/** A configuration, and what is wrong with the environment that it was read from. */
export interface UsableConfig {
  readonly config: Config;
  readonly error: AppError | undefined;
}

/** Reads the configuration with the default in place of each value that is wrong, so that the rest can be looked at. */
export function readUsableConfig(environment: Environment = process.env, overrides: Overrides = {}): UsableConfig {
  try {
    return { config: readConfig(environment, overrides), error: undefined };
  } catch (thrown) {
    const error = toAppError(thrown);
    const right = (values: Environment): Record<string, string> =>
      Object.fromEntries(
        Object.entries(values).flatMap(([name, value = '']) => (isWrong(name, value) ? [] : [[name, value]])),
      );
    return { config: readConfig(right(environment), right(overrides)), error };
  }
}

function isWrong(variable: string, value: string): boolean {
  try {
    readConfig({ [variable]: value });
    return false;
  } catch {
    return true;
  }
}

/** All of them at once: whoever corrects one must not meet the next on the next start. */
function wrongSettings(
  issues: readonly z.core.$ZodIssue[],
  raw: Readonly<Record<string, string | undefined>>,
): AppError {
  const sentences = new Map<string, string>();
  for (const { path, message } of issues) {
    const setting = String(path[0] ?? '');
    const name = variableOf(setting) ?? 'The environment';
    // Of several things that are wrong with one value, the first says enough.
    if (!sentences.has(name)) sentences.set(name, `${name} ${message}, got '${shown(setting, raw[setting] ?? '')}'.`);
  }
  return new AppError('usage', [...sentences.values()].join('\n'), {
    hint: `Correct or unset ${[...sentences.keys()].join(', ')}.`,
  });
}

/** Variables that were meant as settings, and have no effect. */
export function unknownSettings(environment: Environment = process.env): readonly UnknownSetting[] {
  return findUnknownSettings(environment, Object.values(VARIABLES));
}

export interface ShownSetting {
  readonly variable: string;
  readonly value: string;
  /** `unknown`: no setting, so that it has no effect. */
  readonly origin: 'flag' | 'environment' | 'default' | 'unset' | 'unknown';
  /** The setting that an unknown one was most likely meant to be. */
  readonly nearest?: string | undefined;
}

/**
 * Every setting as a person may see it: secrets masked, and where its value comes from; then the variables that were meant as
 * settings and are none. Throws as readConfig does.
 */
export function describeConfig(environment: Environment = process.env, overrides: Overrides = {}): ShownSetting[] {
  const config = readConfig(environment, overrides);
  return Object.entries(config)
    .concat(Object.keys(VARIABLES).flatMap((setting) => (setting in config ? [] : [[setting, undefined]])))
    .map(([setting, value]): ShownSetting => {
      const variable = variableOf(setting) ?? setting;
      const said = textOf(variable, environment, overrides);
      const origin = overrides[variable] !== undefined ? 'flag' : 'environment';
      if (said !== undefined) return { variable, value: shown(setting, said), origin };
      if (value === undefined || value === false) return { variable, value: '', origin: 'unset' };
      return { variable, value: defaultText(value, variable), origin: 'default' };
    })
    .sort((a, b) => a.variable.localeCompare(b.variable))
    .concat(unknownSettings(environment).map((unknown) => ({ ...unknown, value: MASK, origin: 'unknown' })));
}

function textOf(variable: string, environment: Environment, overrides: Overrides): string | undefined {
  const value = overrides[variable] ?? environment[variable];
  if (value === '' && MAY_BE_EMPTY.has(variable)) return value;
  return value === undefined || value === '' || isOfService(variable, value) ? undefined : value;
}

function variableOf(setting: string): string | undefined {
  return Object.entries(VARIABLES).find(([name]) => name === setting)?.[1];
}

/** Times are kept in milliseconds and written in seconds. */
function defaultText(value: unknown, variable: string): string {
  const inSeconds = (each: unknown): string => String(Number(each) / 1000);
  if (!variable.endsWith('_SECONDS')) return String(value);
  return Array.isArray(value) ? value.map(inSeconds).join(',') : inSeconds(value);
}

function shown(setting: string, text: string): string {
  if ([...SECRETS].some((each) => each === setting)) return MASK;
  // Whoever mixes up two variables must not find a password in the log either.
  return [...ADDRESSES].some((each) => each === setting) ? maskUrl(text) : maskIfUrl(text);
}
