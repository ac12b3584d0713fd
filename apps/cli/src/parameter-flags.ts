import {
  AppError,
  type EditParametersInput,
  isParameterName,
  type OutputFormat,
  PARAMETER_NAMES,
  type PARAMETERS,
  type ParameterFacts,
  parameterFacts,
  parseEditParameters,
} from '@qwen-edit/contract';
import { decimalNumber, wholeNumber } from './numbers.ts';

type TableFlag = NonNullable<(typeof PARAMETERS)[keyof typeof PARAMETERS]['cli']>;
type ValueFlag = TableFlag['flag'];
/** Flags without a value, as --no-negative-prompt. */
type NoneFlag = Extract<TableFlag, { readonly none: unknown }>['none']['flag'];

/** Flags that may be repeated. */
type ListFlag = Extract<(typeof PARAMETERS)[keyof typeof PARAMETERS], { readonly kind: 'loras' }>['cli']['flag'];

type ParameterOptions = Readonly<
  Record<Exclude<ValueFlag, ListFlag>, { readonly type: 'string' }> &
    Record<ListFlag, { readonly type: 'string'; readonly multiple: true }> &
    Record<NoneFlag, { readonly type: 'boolean' }>
>;

/** Flags of the parameters of an edit, the same for every command that takes them. */
export const PARAMETER_OPTIONS = optionsOfTable();

export type ParameterValues = Readonly<
  Partial<
    Record<Exclude<ValueFlag, ListFlag>, string | undefined> &
      Record<ListFlag, readonly string[] | undefined> &
      Record<NoneFlag, boolean | undefined>
  >
>;

function optionsOfTable(): ParameterOptions;
function optionsOfTable(): Record<string, { readonly type: 'string' | 'boolean' }> {
  const rows = PARAMETER_NAMES.map(parameterFacts);
  const flags = rows.flatMap(({ cli }) => cli ?? []);
  const taking = rows.flatMap(({ cli, kind }) =>
    cli === undefined
      ? []
      : [[cli.flag, kind === 'loras' ? { type: 'string', multiple: true } : { type: 'string' }] as const],
  );
  const none = flags.flatMap((each) =>
    each.none === undefined ? [] : [[each.none.flag, { type: 'boolean' }] as const],
  );
  return Object.fromEntries([...taking, ...none]);
}

/**
 * The parameters that the flags say, checked; what was not said is left out. Throws AppError `usage`, `invalid_parameter`,
 * `prompt_empty` or `prompt_too_long`, and names the flag as it was written.
 */
export function parametersOfFlags(
  values: ParameterValues,
  outputFormat: OutputFormat | undefined,
): EditParametersInput {
  if (values.prompt === undefined) throw new AppError('usage', '--prompt is missing.');
  const given = PARAMETER_NAMES.map((name) => [name, flagValue(parameterFacts(name), values)]);
  const said = Object.fromEntries(
    [...given, ['output_format', outputFormat]].filter(([, value]) => value !== undefined),
  );
  try {
    return parseEditParameters(said);
  } catch (error) {
    throw error instanceof AppError ? inFlags(error) : error;
  }
}

/** The value that a flag gives to its parameter; undefined if the flag was not given. */
function flagValue({ cli, kind }: ParameterFacts, values: Readonly<Record<string, unknown>>): unknown {
  if (cli === undefined) return undefined;
  const flag = `--${cli.flag}`;
  const said = values[cli.flag];
  if (kind === 'loras') return said;
  const text = typeof said === 'string' ? said : undefined;
  if (cli.none !== undefined && values[cli.none.flag] === true) {
    if (text !== undefined) throw new AppError('usage', `${flag} and --${cli.none.flag} exclude each other.`);
    return null;
  }
  if (kind === 'whole_number') return wholeNumber(flag, text);
  return kind === 'number' ? decimalNumber(flag, text) : text;
}

/** The same error, with the flag in place of the parameter's name. */
function inFlags(error: AppError): AppError {
  const name = /^\w+/.exec(error.message)?.[0] ?? '';
  const flag = isParameterName(name) ? parameterFacts(name).cli?.flag : undefined;
  if (flag === undefined) return error;
  // Of a list, which element it is can be seen, and what of it is said.
  const rest = error.message
    .slice(name.length)
    .replace(/^\.\d+(?:\.(\w+))?/, (_, field) => (field ? `: ${field}` : ''));
  const message = `--${flag}${rest}`;
  return new AppError(error.code, message, { hint: error.hint, cause: error });
}
