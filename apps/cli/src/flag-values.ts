import { type ParseArgsConfig, parseArgs } from 'node:util';
import { AppError, didYouMean, nearestOf } from '@qwen-edit/contract';

type Options = NonNullable<ParseArgsConfig['options']>;

interface Token {
  readonly kind: string;
  readonly name?: string;
}

/**
 * Turns `--flag value` into `--flag=value` for every flag that takes a value, so that a value may begin with a dash
 * (`--seed -1`). A value that is itself a flag counts as a forgotten value; `--prompt=--out` still says it.
 */
function joinValues(args: readonly string[], options: Options): string[] {
  const joined: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? '';
    if (arg === '--') return [...joined, ...args.slice(i)];
    if (!arg.startsWith('--') || options[arg.slice(2)]?.type !== 'string') {
      joined.push(arg);
      continue;
    }
    const value = args[++i];
    if (value === undefined || isFlag(value, options)) throw new AppError('usage', `${arg} needs a value.`);
    joined.push(`${arg}=${value}`);
  }
  return joined;
}

function isFlag(arg: string, options: Options): boolean {
  return arg.startsWith('--') && Object.hasOwn(options, arg.slice(2).split('=')[0] ?? '');
}

/** Refuses a flag that is given twice and may be given once: which of the two was meant cannot be known. */
function refuseRepeats(tokens: readonly Token[], options: Options): void {
  const seen = new Set<string>();
  for (const { kind, name } of tokens) {
    if (kind !== 'option' || name === undefined || options[name]?.multiple === true) continue;
    if (seen.has(name)) throw new AppError('usage', `--${name} is given twice.`);
    seen.add(name);
  }
}

/** The flag that was meant, if Node's message names one that there is not. */
function nearestFlag(message: string, options: Options): string | undefined {
  const [, said] = /^Unknown option '--([^'=]+)/.exec(message) ?? [];
  return said === undefined
    ? undefined
    : nearestOf(
        `--${said}`,
        Object.keys(options).map((name) => `--${name}`),
      );
}

/** Reads flags strictly. `words`: how many words without a flag are taken. Throws AppError `usage`. */
export function readFlags<const T extends Options>(args: readonly string[], options: T, words = 0) {
  const joined = joinValues(args, options);
  try {
    const { values, tokens, positionals } = parseArgs({
      args: joined,
      options,
      strict: true,
      tokens: true,
      allowPositionals: words > 0,
    });
    refuseRepeats(tokens, options);
    if (positionals.length > words) throw new AppError('usage', `'${positionals[words]}' is one word too many.`);
    return { values, words: positionals };
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    const message = cause instanceof Error ? cause.message : String(cause);
    // Node's advice after the first sentence speaks of positional arguments, of which there are none here.
    throw new AppError('usage', `${message.split(/\.\s|\n/)[0]}.${didYouMean(nearestFlag(message, options))}`, {
      cause,
    });
  }
}
