import { AppError } from '@qwen-edit/contract';
import type { WeightsSurvey } from '../weights/open-weights.ts';
import { FETCH_MISSING, ONE_REVISION } from '../weights/remedies.ts';
import type { Findings } from './model-finding.ts';

const NUMBERED = /-(\d{5})-of-(\d{5})\.safetensors$/;

/** Finds shards of different revisions, of which each is whole by itself. */
export function checkShards({ index, files, problems, weights }: WeightsSurvey, findings: Findings): void {
  if (index === undefined) return;
  const component = weights.component;
  const names = [...new Set(Object.values(index.weightMap))];

  const counts = new Set(names.flatMap((name) => NUMBERED.exec(name)?.[2] ?? []));
  const [count] = counts;
  if (counts.size > 1)
    findings.add(index.file, mixed(`the index names shards of ${[...counts].map(Number).join(' and of ')}`, component));
  else if (count !== undefined && names.length < Number(count)) {
    const message = `${component}: the index names ${names.length} of ${Number(count)} shards.`;
    findings.add(index.file, new AppError('model_incomplete', message, { hint: FETCH_MISSING }));
  }

  for (const { label, tensors } of files) {
    const file = label.slice(component.length + 1);
    const stray = tensors.filter(({ name }) => index.weightMap[name] !== file);
    const [first] = stray;
    if (first === undefined) continue;
    const where = index.weightMap[first.name];
    const says = where === undefined ? 'the index does not name it' : `the index has it in ${where}`;
    const message = `${label} is of another cut than the index: it holds ${first.name}, and ${says}.`;
    findings.add(label, new AppError('model_corrupt', message, { hint: ONE_REVISION }));
  }

  if (index.totalSize === undefined || problems.length > 0) return;
  const bytes = [...weights.tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
  const isWhole = Object.keys(index.weightMap).every((name) => weights.tensors.has(name));
  if (isWhole && bytes !== index.totalSize)
    findings.add(
      index.file,
      mixed(`the index says total_size ${index.totalSize}, the shards hold ${bytes} bytes`, component),
    );
}

function mixed(what: string, component: string): AppError {
  return new AppError('model_corrupt', `${component}: ${what}.`, { hint: ONE_REVISION });
}
