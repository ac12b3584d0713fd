import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { makePicture } from './caller.ts';
import { type ClaimTimes, timeClaims } from './claims.ts';
import { timeRuns } from './runs.ts';
import { type BenchServer, openServer } from './server.ts';
import { timeShares } from './shares.ts';
import { MEDIAN, percentile } from './statistics.ts';
import { timeBusy, timeSubmissions } from './submissions.ts';
import { formatMs, perSecond, type Row, tableOf, times } from './table.ts';

/**
 * npm run bench:jobs [-- --quick] [--rows N] [--only submit,run,claim,busy,shares] [--database URL]
 * The job system beside graphile-worker, on one PostgreSQL server: an embedded one, or the one at URL, whose user may
 * create databases. Each part has databases of its own. It prints figures and judges nothing: it ends with 0 if it ran.
 */
const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rows: { type: 'string' },
    only: { type: 'string', default: 'submit,run,claim,busy' },
    database: { type: 'string' },
  },
});
const { quick } = flags;
const size = quick
  ? { rounds: 1, roundMs: 3000, jobs: 500, claims: 100, seconds: 8 }
  : { rounds: 3, roundMs: 4000, jobs: 2000, claims: 300, seconds: 25 };
const rows = Number(flags.rows ?? (quick ? 50_000 : 1_000_000));
const FEW_ROWS = 1000;
const LANES = 10;
const BUSY_RATE = 20;

const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
const { signal } = stopping;

const say = (line: string): void => void process.stderr.write(`${line} …\n`);
const count = (number: number): string => number.toLocaleString('en');

const folder = await mkdtemp(join(tmpdir(), 'qwen-edit-bench-'));
const picture = await makePicture();
const PARTS: Readonly<Record<string, (server: BenchServer) => Promise<Row[]>>> = { submit, run, claim, busy, shares };
try {
  say('starting PostgreSQL');
  const server = await openServer(flags.database, folder, signal);
  try {
    const table: Row[] = [];
    try {
      for (const name of flags.only.split(',')) {
        const part = PARTS[name];
        if (part === undefined) throw new Error(`--only takes ${Object.keys(PARTS).join(', ')}, not ${name}`);
        signal.throwIfAborted();
        table.push(...(await part(server)));
      }
    } finally {
      // What was measured is shown even where a later part fails.
      console.log(
        `${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores, Node ${process.versions.node}; ${server.facts}; load average ${loadavg()[0]?.toFixed(1)} at the end.\n`,
      );
      console.log(tableOf(table));
    }
  } finally {
    await server.stop();
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function submit(server: BenchServer): Promise<Row[]> {
  say(`submissions, ${LANES} at once`);
  const options = { lanes: LANES, ...size, picture, folder, signal };
  const { fresh, known, theirs } = await server.withPair((pair) => timeSubmissions(pair, options));
  const spread = (values: readonly number[]): string =>
    `${formatMs(percentile(values, 0.5))}, ${formatMs(percentile(values, 0.99))}`;
  return [
    {
      what: 'submit, new picture each, HTTP; bare add_job',
      ours: perSecond(fresh.rate),
      theirs: perSecond(theirs.rate),
      verdict: times(fresh.rate / theirs.rate, { least: 0.5 }),
    },
    { what: '  its p50, p99', ours: spread(fresh.times), theirs: spread(theirs.times) },
    {
      what: 'submit, the same picture, HTTP; bare add_job',
      ours: perSecond(known.rate),
      theirs: perSecond(theirs.rate),
      verdict: times(known.rate / theirs.rate, { least: 0.5 }),
    },
    { what: '  its p50, p99', ours: spread(known.times), theirs: spread(theirs.times) },
  ];
}

async function run(server: BenchServer): Promise<Row[]> {
  say(`${count(size.jobs)} jobs, ${LANES} at once`);
  const options = { jobs: size.jobs, lanes: LANES, rounds: size.rounds, picture, folder, signal };
  const { ours, withoutFiles, theirs } = await timeRuns(server.withPair, options);
  const rowOf = (what: string, rate: number): Row => ({
    what,
    ours: perSecond(rate),
    theirs: perSecond(theirs),
    verdict: times(rate / theirs, { least: 0.5 }),
  });
  return [
    rowOf(`run, ${LANES} at once, engine that answers at once; no-op`, ours),
    rowOf('  the same with pictures in memory, not on disk', withoutFiles),
  ];
}

async function claim(server: BenchServer): Promise<Row[]> {
  const measure = (number: number): Promise<ClaimTimes> => {
    say(`claims among ${count(number)} waiting jobs`);
    return server.withPair((pair) => timeClaims(pair, number, size.claims));
  };
  const few = await measure(FEW_ROWS);
  const many = await measure(rows);
  const rowOf = (number: number, { ours, claimAlone, theirs }: ClaimTimes): Row => ({
    what: `receive and claim of ${count(number)} queued; get_job`,
    ours: `${formatMs(ours)} (claim ${formatMs(claimAlone)})`,
    theirs: formatMs(theirs),
    verdict: times(ours / theirs, { most: 1.5 }),
  });
  return [
    rowOf(FEW_ROWS, few),
    rowOf(rows, many),
    {
      what: `  ${count(rows)} over ${count(FEW_ROWS)}`,
      ours: times(many.ours / few.ours, { most: 1.5 }),
      theirs: `${(many.theirs / few.theirs).toFixed(2)}×`,
    },
  ];
}

async function busy(server: BenchServer): Promise<Row[]> {
  say(`${BUSY_RATE} submissions a second beside a worker that edits`);
  const options = { picture, folder, signal, perSecond: BUSY_RATE, seconds: size.seconds };
  const measured = await server.withPair(({ ours }) => timeBusy(ours, options));
  const p99 = percentile(measured.times, 0.99);
  return [
    {
      what: `submit at ${BUSY_RATE}/s for ${size.seconds} s beside a worker on all cores: p99`,
      ours: formatMs(p99),
      verdict: `less than 50 ms: ${p99 < 50 ? 'yes' : 'no'}`,
    },
    {
      what: '  its p50, maximum; edits done',
      ours: `${formatMs(percentile(measured.times, 0.5))}, ${formatMs(Math.max(...measured.times))}; ${measured.edits.length}`,
    },
    { what: '  p99 of the delay before sending, included', ours: formatMs(percentile(measured.lateness, 0.99)) },
  ];
}

async function shares(server: BenchServer): Promise<Row[]> {
  const rounds = quick ? 2 : 12;
  say(`${rounds + 1} rounds of ${BUSY_RATE} submissions a second beside four engines in turn`);
  const options = { picture, folder, signal, perSecond: BUSY_RATE, seconds: 5, rounds };
  const measured = await server.withPair(({ ours }) => timeShares(ours, options));
  return measured.map(({ threads, nice, times: waits, steps }) => ({
    what: `submit at ${BUSY_RATE}/s beside an engine of ${threads} threads, nice ${nice}: p50, p90, p99`,
    ours: [MEDIAN, 0.9, 0.99].map((share) => formatMs(percentile(waits, share))).join(', '),
    verdict: `a step in ${percentile(steps, MEDIAN).toFixed(2)} s (${steps.length} steps)`,
  }));
}
