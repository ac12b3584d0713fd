import { threadsOfEngine } from '../../engine-share.ts';
import type { Check } from '../check.ts';
import { processorQuota } from '../control-group.ts';
import { noteFinding, okFinding } from '../finding.ts';

/** Threads of the engines against the processors that this process may use. */
export const checkThreads: Check = async ({ host, config, engines }) => {
  const processors = await processorQuota(host);
  const all = engines.engines;
  const counts = all.map((engine) => threadsOfEngine(engine, all, config, host.cores));
  const threads = counts.reduce((sum, count) => sum + count, 0);
  const usable = Math.min(host.cores, processors ?? host.cores);
  const quota = processors === undefined ? '' : `, of which the group may use ${processors.toFixed(1)}`;
  const facts = `${all.length} engine(s) with ${[...new Set(counts)].join(' or ')} thread(s) each, ${host.cores} processors${quota}`;
  if (threads <= Math.ceil(usable)) return [okFinding(facts)];
  return [
    noteFinding(
      `${facts}: threads wait for each other, and edits take longer than with fewer.`,
      `Set QWEN_EDIT_MAX_CPU_THREADS to ${Math.max(1, Math.floor(usable / all.length))}, or lower QWEN_EDIT_MAX_CONCURRENCY.`,
    ),
  ];
};
