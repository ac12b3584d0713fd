import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Health } from '@qwen-edit/contract';
import { readDataDirLock } from '@qwen-edit/db';
import { clientOf, findService } from '../../service/find-service.ts';
import type { Check, DoctorDeps } from '../check.ts';
import { type Finding, noteFinding, okFinding, problemFinding } from '../finding.ts';

const ANSWER_MS = 5000;
/** What a model may be while no worker is ready and nothing is wrong. */
const STARTING: ReadonlySet<string | null> = new Set(['loading', 'unloaded']);

/** The service that uses the data folder, or that listens where this one would; and whether the ports are free. */
export const checkService: Check = async (deps, signal) => {
  const { config } = deps;
  const holder = await readDataDirLock(config.dataDir);
  const health = await healthOf(deps, signal);
  const findings = health === undefined ? [] : healthFindings(deps, health);
  if (health === undefined && holder !== undefined)
    findings.push(
      problemFinding(`Process ${holder.pid} uses the data folder ${config.dataDir}, and its API does not answer.`, {
        cause: 'It is still starting, or hangs.',
        remedy: 'Look at its log; if it hangs, stop it and start it again. Nothing that was accepted is lost.',
      }),
    );
  if (health !== undefined) return findings;
  return [...findings, ...(await portFindings(config.host, config.port, 'PORT')), ...(await metricsPort(deps))];
};

async function healthOf({ config }: DoctorDeps, signal: AbortSignal): Promise<Health | undefined> {
  const address = await findService(config);
  const limit = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]);
  return clientOf(address)
    .health(limit)
    .catch(() => undefined);
}

function healthFindings({ version }: DoctorDeps, health: Health): Finding[] {
  const ready = health.workers.filter((worker) => worker.ready).length;
  const [first] = health.workers;
  const facts = `qwen-edit ${health.version} runs: ${ready} of ${health.workers.length} workers are ready, ${first?.queue_len ?? 0} jobs wait`;
  const errors = [...new Set(health.workers.flatMap(({ last_error }) => last_error ?? []))];
  const findings: Finding[] = [okFinding(facts)];
  if (health.workers.length > 0 && ready === 0 && !STARTING.has(health.model_status))
    findings.push(
      problemFinding('No worker is ready, so that no job is begun.', {
        cause: errors[0] ?? 'The workers do not say why.',
        remedy: 'The other lines of doctor tell most causes; the log of the worker has the rest.',
      }),
    );
  else findings.push(...errors.map((error) => noteFinding(`A worker's last error: ${error}`)));
  if (health.workers.length === 0)
    findings.push(noteFinding('No worker is heard of.', 'Start `qwen-edit worker`; `serve` has one.'));
  if (health.version !== version)
    findings.push(noteFinding(`This command is of version ${version}, the service of ${health.version}.`));
  return findings;
}

async function metricsPort({ config }: DoctorDeps): Promise<Finding[]> {
  return config.metricsPort === undefined
    ? []
    : portFindings(config.host, config.metricsPort, 'QWEN_EDIT_METRICS_PORT');
}

/** Listens for a moment where the service would. */
async function portFindings(host: string, port: number, setting: string): Promise<Finding[]> {
  const server = createServer();
  try {
    server.listen(port, host);
    await once(server, 'listening');
    return [okFinding(`no service runs here; port ${port === 0 ? 'of its own choice' : port} of ${host} is free`)];
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
    const why = code === 'EADDRINUSE' ? 'is taken by another program' : `cannot be listened on (${code})`;
    return [
      problemFinding(`Port ${port} of ${host} ${why}.`, {
        remedy: `Set ${setting} to a free one, or stop what listens there.`,
      }),
    ];
  } finally {
    server.close();
  }
}
