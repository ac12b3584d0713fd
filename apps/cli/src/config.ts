import { AppError } from '@qwen-edit/contract';
import { type Config, SECRETS, settingsSchema, VARIABLES } from './settings.ts';

export type { Config } from './settings.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Settings that a command's flags say, by environment variable. They come before the environment. */
export type Overrides = Readonly<Record<string, string>>;

/** Reads the configuration. An empty variable counts as unset. Throws AppError `usage` that names the wrong variable. */
export function readConfig(environment: Environment = process.env, overrides: Overrides = {}): Config {
  const raw = Object.fromEntries(
    Object.entries(VARIABLES).map(([setting, variable]) => [setting, textOf(variable, environment, overrides)]),
  );
  const parsed = settingsSchema.safeParse(raw);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const setting = String(issue?.path[0] ?? '');
  const name = variableOf(setting) ?? 'The environment';
  throw new AppError('usage', `${name} ${issue?.message ?? 'is wrong'}, got '${shown(setting, raw[setting] ?? '')}'.`, {
    hint: `Correct or unset ${name}.`,
  });
}

export interface ShownSetting {
  readonly variable: string;
  readonly value: string;
  readonly origin: 'flag' | 'environment' | 'default' | 'unset';
}

/** Every setting as a person may see it: secrets masked, and where its value comes from. Throws as readConfig does. */
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
    .sort((a, b) => a.variable.localeCompare(b.variable));
}

function textOf(variable: string, environment: Environment, overrides: Overrides): string | undefined {
  const value = overrides[variable] ?? environment[variable];
  return value === '' ? undefined : value;
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
  if ([...SECRETS].some((each) => each === setting)) return '********';
  // The password of a URL, and whatever a query may carry.
  return text.replace(/^([a-z][\w+.-]*:\/\/[^:@/?#]*:)[^@/?#]*@/i, '$1********@').replace(/\?.*$/, '?********');
}
