import { weightCacheDir } from '../../model/cache-folders.ts';
import { usablePrecision } from '../../precision-setting.ts';
import type { Check } from '../check.ts';
import { noteFinding, okFinding, problemFinding } from '../finding.ts';

/** On two cores of a server it takes less than a second. */
const SLOW_SECONDS = 10;

/** The golden edit, as each worker makes it before it takes jobs: whether this machine computes what it should, and how fast. */
export const checkSelfTest: Check = async ({ config, demoModelDir, host, runSelfTest }, signal) => {
  if (config.engineProgram !== undefined)
    return [noteFinding('not made: QWEN_EDIT_ENGINE_PROGRAM replaces the engine')];
  const threads = config.maxCpuThreads ?? host.cores;
  const precision = usablePrecision(config, 'cpu');
  const { ok, psnr, bound, seconds, reason } = await runSelfTest({
    dir: demoModelDir,
    precision,
    threads,
    weightCacheDir: weightCacheDir(config),
    signal,
  });
  const facts = `a small edit in ${seconds.toFixed(1)} s, ${psnr.toFixed(0)} dB of the golden one (${bound} dB are needed in ${precision})`;
  if (!ok) {
    return [
      problemFinding(reason ?? facts, {
        cause:
          'The processor, its memory or ONNX Runtime gives other numbers than it should. A worker here takes no job.',
        remedy: 'Run `npm ci` again, check memory and cooling, and try another machine.',
      }),
    ];
  }
  if (seconds <= SLOW_SECONDS) return [okFinding(facts)];
  return [
    noteFinding(
      `${facts}: this machine is slow, or busy with something else.`,
      'Look at `top`. For edits that are done sooner: 10 to 15 steps, and smaller width and height.',
    ),
  ];
};
