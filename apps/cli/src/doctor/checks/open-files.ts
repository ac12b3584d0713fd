import type { Check } from '../check.ts';
import { noteFinding, okFinding, problemFinding } from '../finding.ts';

const LEAST = 256;
const ROOM = 1024;

/** How many files this process may have open. */
export const checkOpenFiles: Check = async ({ host }) => {
  const text = await host.read('/proc/self/limits');
  const [, soft] = /^Max open files\s+(\S+)/m.exec(text ?? '') ?? [];
  if (soft === undefined) return [okFinding('this system does not tell how many files may be open')];
  const limit = soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
  const facts = `${soft} files may be open at once`;
  const remedy = 'Raise it: `ulimit -n 4096`, LimitNOFILE= of systemd, or --ulimit nofile=4096 of Docker.';
  if (limit >= ROOM) return [okFinding(facts)];
  if (limit >= LEAST) return [noteFinding(`${facts}; each caller takes one, and each event stream.`, remedy)];
  return [problemFinding(facts, { cause: 'Callers, connections to the database and weight files need more.', remedy })];
};
