import { appendFileSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type ErrorCode, isErrorCode } from '@qwen-edit/contract';
import { marksFolder } from './config.ts';

/** What a fault does; see engine.ts for the words. */
export type EngineFault =
  | { readonly kind: 'exit'; readonly code: number }
  | { readonly kind: 'signal'; readonly signal: NodeJS.Signals }
  | { readonly kind: 'fail'; readonly code: ErrorCode }
  | { readonly kind: 'hold'; readonly file: string }
  | { readonly kind: 'garbage' | 'hang' | 'deaf' | 'stay' | 'flood' };

export interface EngineScript {
  /** Milliseconds of each step. */
  readonly each: number;
  readonly steps: number | undefined;
  readonly size: { readonly width: number; readonly height: number } | undefined;
  /** The result is of many colours. */
  readonly shaded: boolean;
  readonly fault: EngineFault | undefined;
  /** The fault comes when so many steps are done. */
  readonly at: number;
}

/** Reads the words of a script; other words mean nothing. A fault that has come as often as it may is left out. */
export function readScript(text: string): EngineScript {
  const words = new Map(text.split(/[\s+]+/).map((word) => [/^[^:]*/.exec(word)![0], word.replace(/^[^:]*:?/, '')]));
  const fault = faultOf(words);
  const size = /^(\d+)x(\d+)$/.exec(words.get('size') ?? '');
  return {
    each: milliseconds(words.get('each')),
    steps: words.has('steps') ? Number(words.get('steps')) : undefined,
    size: size === null ? undefined : { width: Number(size[1]), height: Number(size[2]) },
    shaded: words.has('shades'),
    fault: fault === undefined || isOver(words) ? undefined : fault,
    at: Number(words.get('at') ?? 1),
  };
}

function faultOf(words: ReadonlyMap<string, string>): EngineFault | undefined {
  const crash = words.get('crash');
  if (crash?.startsWith('exit')) return { kind: 'exit', code: Number(crash.slice(4)) };
  if (crash !== undefined) return { kind: 'signal', signal: crash.toUpperCase() as NodeJS.Signals };
  const code = words.get('fail');
  if (code !== undefined) return { kind: 'fail', code: isErrorCode(code) ? code : 'engine_failed' };
  const held = words.get('hold');
  if (held !== undefined) return { kind: 'hold', file: resolve(marksFolder, held) };
  return (['garbage', 'hang', 'deaf', 'stay', 'flood'] as const)
    .filter((kind) => words.has(kind))
    .map((kind) => ({ kind }))[0];
}

/** `once:MARK` and `times:N:MARK`; each reading counts, in a file, so that it is remembered by the next process. */
function isOver(words: ReadonlyMap<string, string>): boolean {
  const [most = '1', mark] = words.has('once') ? ['1', words.get('once')] : (words.get('times')?.split(':') ?? []);
  if (mark === undefined || mark === '') return false;
  const file = resolve(marksFolder, mark);
  appendFileSync(file, 'x');
  return readFileSync(file).length > Number(most);
}

function milliseconds(text = '0'): number {
  const [, value, unit] = /^([\d.]+)(ms|s)?$/.exec(text) ?? [];
  return Number(value ?? 0) * (unit === 's' ? 1000 : 1);
}
