import type { ParameterFacts } from './parameter-kinds.ts';
import { PARAMETERS } from './parameters.ts';

/**
 * The version of what a job may say. It goes up with each change that lets a job say something new: a parameter, a value of one, a
 * wider range, another kind of input. A worker leaves jobs that need a later version than its own to newer workers.
 */
export const CONTRACT_VERSION = 4;

/**
 * The lowest contract version whose workers understand these parameters. What an old worker understands stays low, so that an API
 * of a later version can be used with workers of the last one.
 *
 * @example
 * contractVersionNeededBy({ prompt: 'make it gray' }) // 1
 */
export function contractVersionNeededBy(
  parameters: Readonly<Record<string, unknown>>,
  table: Readonly<Record<string, Pick<ParameterFacts, 'kind' | 'needs'>>> = PARAMETERS,
): number {
  const needed = Object.entries(parameters)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => table[name]?.needs?.(value) ?? 1);
  return Math.max(1, ...needed);
}
