import { deviceKey, isCudaCard, toAppError } from '@qwen-edit/contract';
import { askRocmSmi, type Card, INSTALL_CUDA } from '@qwen-edit/pipeline';
import { cardBudget, gibOf } from '../../devices/card-memory.ts';
import type { KnownCards } from '../../devices/machine-cards.ts';
import { requireCards } from '../../devices/require-cards.ts';
import type { DoctorDeps } from '../check.ts';
import { type Finding, findingOf, noteFinding, okFinding } from '../finding.ts';
import type { Host } from '../host.ts';

type GpuDeps = Pick<DoctorDeps, 'config' | 'engines' | 'lookAtCards'> & { readonly host: Pick<Host, 'run'> };

/** Every card that is found, what of it would be used, and what keeps the others from being used. */
export async function checkGpu(deps: GpuDeps): Promise<readonly Finding[]> {
  const { engines, host, lookAtCards } = deps;
  const [known, amd] = await Promise.all([lookAtCards(), askRocmSmi(host.run)]);
  const wanted = engines.engines.flat().filter(isCudaCard);
  const { report } = known;
  const findings: Finding[] = [
    ...report.cards.map((card) => cardFinding(card, known, deps)),
    ...wanted.flatMap((place) => obstacleOf(() => requireCards([place], known, deps.config))),
  ];
  // What is wrong with a card that is wanted is told by then.
  if (report.fault !== undefined && wanted.length === 0 && report.fault.kind !== 'no_driver')
    findings.push(noteFinding(report.fault.message, report.fault.remedy));
  if (known.cut !== undefined && wanted.length === 0)
    findings.push(noteFinding(`CUDA_VISIBLE_DEVICES leaves no card: ${known.cut}`, 'Correct or unset it.'));
  for (const { id, freeBytes, totalBytes } of amd)
    findings.push(
      okFinding(`card ${id} of AMD: ${gibOf(freeBytes)} free of ${gibOf(totalBytes)}; webgpu computes on it`),
    );
  if (findings.length > 0) return findings;
  return [okFinding('no GPU of NVIDIA or AMD is seen by its tool; none is needed')];
}

function cardFinding(card: Card, known: KnownCards, { config, engines }: GpuDeps): Finding {
  const index = known.visible.indexOf(card);
  const place = { name: 'cuda', index } as const;
  const called = index < 0 ? `card ${card.id}` : `card ${card.id} is ${deviceKey(place)}`;
  const facts = [
    `${called}: ${card.name}, ${gibOf(card.freeBytes)} free of ${gibOf(card.totalBytes)}`,
    ...(card.driver === null ? [] : [`driver ${card.driver}`]),
    ...(card.computeCapability === null ? [] : [`compute capability ${card.computeCapability}`]),
  ].join(', ');
  const engine = engines.engines.find((places) => places.some((each) => isCudaCard(each) && each.index === index));
  if (engine !== undefined) {
    const budget = cardBudget(card, place, config, engine.length > 1);
    const shared = engine.length > 1 ? ` with ${engine.length - 1} other(s)` : '';
    return okFinding(
      `${facts}; has an engine${shared}${budget === undefined ? '' : `, which plans with ${gibOf(budget)}`}`,
    );
  }
  const { why, remedy } = reasonOf(card, index, known, config);
  return noteFinding(`${facts}; not used: ${why}`, remedy);
}

function reasonOf(
  card: Card,
  index: number,
  known: KnownCards,
  config: GpuDeps['config'],
): { readonly why: string; readonly remedy?: string } {
  if (config.forceCpu) return { why: 'QWEN_EDIT_FORCE_CPU is on' };
  if (card.isDivided) return { why: 'MIG divides it into parts' };
  if (index < 0)
    return config.cudaVisibleDevices === undefined
      ? { why: 'of parts that MIG makes a process sees the first only', remedy: 'Name one in CUDA_VISIBLE_DEVICES.' }
      : { why: 'CUDA_VISIBLE_DEVICES hides it' };
  if (known.provider === undefined)
    return { why: "ONNX Runtime's library for CUDA is not installed", remedy: `To use it: ${INSTALL_CUDA}` };
  const [obstacle] = obstacleOf(() => requireCards([{ name: 'cuda', index }], known, config));
  if (obstacle !== undefined) return { why: obstacle.message, ...(obstacle.remedy && { remedy: obstacle.remedy }) };
  return config.devices === undefined
    ? { why: 'it has no share in an engine' }
    : { why: 'QWEN_EDIT_DEVICES does not name it' };
}

function obstacleOf(check: () => void): readonly Finding[] {
  try {
    check();
    return [];
  } catch (thrown) {
    return [findingOf(toAppError(thrown))];
  }
}
