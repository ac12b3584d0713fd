import { timeLimit } from '@qwen-edit/async';
import { AppError, DEVICE_NAMES, type DeviceName, toAppError } from '@qwen-edit/contract';
import { weightCacheDir } from '../../model/cache-folders.ts';
import { usablePrecision } from '../../precision-setting.ts';
import type { Check, DoctorDeps } from '../check.ts';
import { type Finding, noteFinding, okFinding, problemFinding } from '../finding.ts';

/** On two cores of a server it takes less than a second. */
const SLOW_SECONDS = 10;
/** What a device may take: drivers that compute on the processor compile for half a minute or more. */
const DEVICE_MS = 150_000;

/** The one that engines use if nobody says. Without it nothing works; the others need not be there. */
const [FIRST, ...OTHERS] = DEVICE_NAMES;

/**
 * The golden edit, as each engine makes it before it serves, on every device that is found: whether this machine computes what it should,
 * and how fast.
 */
export const checkSelfTest: Check = async (deps, signal) => {
  if (deps.config.engineProgram !== undefined)
    return [noteFinding('not made: QWEN_EDIT_ENGINE_PROGRAM replaces the engine')];
  const findings = [await testDevice(deps, FIRST, signal)];
  for (const device of OTHERS)
    findings.push(
      await testDevice(deps, device, signal).catch((thrown: unknown) => absent(device, toAppError(thrown))),
    );
  return findings;
};

async function testDevice(
  { config, demoModelDir, host, runSelfTest }: DoctorDeps,
  device: DeviceName,
  signal: AbortSignal,
): Promise<Finding> {
  const threads = config.maxCpuThreads ?? host.cores;
  const wanted = { dir: demoModelDir, device, threads, weightCacheDir: weightCacheDir(config) };
  const late = (): AppError => new AppError('internal', `The self-test was not done within ${DEVICE_MS / 1000} s.`);
  const { ok, psnr, bound, seconds, reason, kernels, precision, refused } = await timeLimit(
    (ending) =>
      runSelfTest({
        ...wanted,
        precision: device === FIRST ? usablePrecision(config, device) : undefined,
        signal: ending,
      }),
    { ms: DEVICE_MS, signal, late },
  );
  const facts = `${device}: a small edit in ${seconds.toFixed(1)} s, ${psnr.toFixed(0)} dB of the golden one (${bound} dB are needed in ${precision})`;
  if (!ok) {
    return problemFinding(reason ?? facts, {
      cause: `The device, its driver, its memory or ONNX Runtime gives other numbers than it should. A worker on ${device} takes no job.`,
      remedy:
        'Run `npm ci` again, bring the driver up to date, check memory and cooling, and try another device or machine.',
    });
  }
  const [first] = refused;
  if (first !== undefined)
    return noteFinding(
      `${facts} with ${kernels} kernels, which engines use here; in ${first.precision} with ${first.kernels} kernels: ${first.reason}`,
      `Nothing has to be done. A newer driver may be faster; \`qwen-edit selftest --device ${device} --operators\` shows which operator is wrong.`,
    );
  if (seconds <= SLOW_SECONDS || device !== FIRST) return okFinding(facts);
  return noteFinding(
    `${facts}: this machine is slow, or busy with something else.`,
    'Look at `top`. For edits that are done sooner: 10 to 15 steps, and smaller width and height.',
  );
}

/** Of a device that need not be there. What it says when it is not is its own: no adapter, no driver, no library of its provider. */
function absent(device: DeviceName, error: AppError): Finding {
  if (error.code === 'canceled') throw error;
  return okFinding(`${device}: not usable here, and not needed. ${error.message}`);
}
