import { AppError } from '@qwen-edit/contract';
import type { WeightsSurvey } from '../weights/open-weights.ts';
import { ONE_REVISION } from '../weights/remedies.ts';
import type { Findings } from './model-finding.ts';
import { type GraphBuilder, requirementsOf } from './required-tensors.ts';

/** Tensors that checkpoints hold and an edit never needs: words are not predicted, and time is never resampled. */
const UNUSED = /(^|\.)(lm_head\.weight|time_conv\.(weight|bias)|rotary_emb\.inv_freq|logit_scale)$/;
const NAMED = 3;

/** Compares a component's tensors with what its config.json asks for: missing, of another shape or type, or too many. */
export async function checkTensors(
  build: GraphBuilder,
  { weights, index, files }: WeightsSurvey,
  findings: Findings,
): Promise<void> {
  // Without any weights that can be read, there is no more to say.
  if (files.length === 0) return;
  const promised = new Set(Object.keys(index?.weightMap ?? {}));
  const { refused, asked } = await requirementsOf(build, weights, promised);
  const file = files.length === 1 ? (files[0]?.label ?? null) : `${weights.component}/config.json`;
  for (const [code, group] of Map.groupBy(refused, ({ error }) => error.code)) {
    const [first, ...others] = group;
    if (first === undefined) continue;
    const message = `${first.error.message}${andOthers(others.map(({ name }) => name))}`;
    findings.add(file, new AppError(code, message, { hint: first.error.hint }));
  }
  // Names that are asked for in vain, and others in their place, are the same finding.
  if (refused.some(({ error }) => error.code === 'model_incomplete')) return;
  const extra = [...weights.tensors.keys()].filter((name) => !asked.has(name) && !UNUSED.test(name));
  const [first, ...others] = extra;
  if (first === undefined) return;
  const message = `${weights.component}: config.json does not ask for the weight ${first}, so that it has no effect.`;
  findings.add(file, new AppError('model_unsupported', `${message}${andOthers(others)}`, { hint: ONE_REVISION }));
}

function andOthers(names: readonly string[]): string {
  if (names.length === 0) return '';
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : '';
  return ` The same is true of ${names.slice(0, NAMED).join(', ')}${more}.`;
}
