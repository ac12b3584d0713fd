import { createHash } from 'node:crypto';
import { expect, it, onTestFinished } from 'vitest';
import { addInput, createDatabase, type Database, newId, succeedJob } from '../../packages/db/src/index.ts';
import { freshUrl } from '../db/harness.ts';
import { claimOrFail, OWNER, submitOrFail, successOf } from '../db/jobs.ts';
import { findViolations, type Witnesses } from './invariants.ts';

const HOOK = 'http://receiver.test/hook';
type Delivery = Witnesses['deliveries'][number];

/** One job that went well from end to end, and who saw it; a test then spoils something. */
interface World {
  readonly database: Database;
  readonly databaseUrl: string;
  readonly jobId: string;
  readonly webhookId: string;
  readonly objects: Map<string, Uint8Array>;
  readonly unfinished: string[];
  readonly deliveries: Delivery[];
  readonly accepted: Set<string>;
  readonly processes: string[];
  messages: number;
}

async function makeWorld(): Promise<World> {
  const databaseUrl = await freshUrl();
  const database = createDatabase({ url: databaseUrl });
  onTestFinished(() => database.close());
  const objects = new Map<string, Uint8Array>();
  const store = (key: string, text: string) => {
    const bytes = new TextEncoder().encode(text);
    objects.set(key, bytes);
    return { key, sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.length };
  };
  const id = newId('asset');
  const about = { mediaType: 'image/png', width: 8, height: 8 };
  await addInput(database.db, { id, owner: OWNER, ...about, ...store(`inputs/${id}`, 'a picture') });
  const jobId = await submitOrFail(database, { webhookUrl: HOOK, inputs: [id] });
  const { lease } = await claimOrFail(database, jobId);
  const result = successOf(lease);
  const outputs = result.outputs.map((output) => ({ ...output, ...store(output.key, 'a result') }));
  await succeedJob(database.db, lease, { ...result, outputs });
  const { rows } = await database.pool.query<{ id: string }>(
    `update webhook_deliveries set status = 'delivered' returning id`,
  );
  const webhookId = rows[0]!.id;
  const body = JSON.stringify({ type: 'job.succeeded', data: { id: jobId } });
  return {
    database,
    databaseUrl,
    jobId,
    webhookId,
    objects,
    unfinished: [],
    deliveries: [{ url: HOOK, webhookId, body, taken: true }],
    accepted: new Set([jobId]),
    processes: [],
    messages: 0,
  };
}

function look(world: World): Promise<readonly string[]> {
  return findViolations(
    {
      databaseUrl: world.databaseUrl,
      objects: {
        keys: async () => [...world.objects.keys()],
        read: async (key) => world.objects.get(key),
        unfinished: async () => world.unfinished,
      },
      queues: [{ url: 'a queue', count: async () => world.messages }],
      deliveries: world.deliveries,
      accepted: world.accepted,
      processes: async () => world.processes,
    },
    0,
  );
}

const query = ({ database }: World, text: string, ...values: unknown[]) => database.pool.query(text, values);

const SPOILED: readonly (readonly [string, RegExp, (world: World) => unknown])[] = [
  ['an accepted job that is not there', /^I1 an accepted job has not/, ({ accepted }) => accepted.add('job_lost')],
  [
    'two terminal events',
    /^I1 /,
    async (world) => {
      await query(world, `insert into job_events (job_id, seq, type) values ($1, 4, 'job.failed')`, world.jobId);
      await query(world, 'update jobs set event_seq = 4');
    },
  ],
  ['a gap in the log', /^I1 events are numbered/, (world) => query(world, 'delete from job_events where seq = 2')],
  ['an end that nobody was told', /^I2 .* has not taken it/, ({ deliveries }) => deliveries.pop()],
  [
    'an end that was told and given up',
    /^I2 .* is failed, its receiver has/,
    (world) => query(world, `update webhook_deliveries set status = 'failed'`),
  ],
  [
    'two words about one end',
    /^I2 .* two different things/,
    ({ deliveries }) => deliveries.push({ ...deliveries[0]!, body: deliveries[0]!.body.replace('}', ',"more":1}') }),
  ],
  [
    'the end of another job',
    /^I2 .* told of job.failed/,
    ({ deliveries }) =>
      deliveries.splice(0, 1, { ...deliveries[0]!, body: deliveries[0]!.body.replace('succeeded', 'failed') }),
  ],
  [
    'another receiver',
    /^I2 .* went to/,
    ({ deliveries }) => deliveries.splice(0, 1, { ...deliveries[0]!, url: 'http://other.test' }),
  ],
  [
    'one end under two ids',
    /^I2 nobody knows of msg_other/,
    ({ deliveries }) => deliveries.push({ ...deliveries[0]!, webhookId: 'msg_other' }),
  ],
  [
    'two deliveries of one end',
    /^I2 the end of .* has 2 ids/,
    (world) =>
      query(
        world,
        `insert into webhook_deliveries (id, job_id, event_seq, event_type, url, status)
         select 'msg_more', job_id, 9, event_type, url, 'failed' from webhook_deliveries`,
      ),
  ],
  ['a job that does not end', /^I3 a job has not ended/, ({ database }) => submitOrFail(database)],
  [
    'a webhook that is not told',
    /^I3 a webhook is still/,
    (world) => query(world, `update webhook_deliveries set status = 'pending'`),
  ],
  [
    'a message that is not sent',
    /^I3 a message is still/,
    (world) => query(world, 'insert into outbox (job_id, owner) select id, owner from jobs'),
  ],
  [
    'a message that nobody takes',
    /^I3 1 messages are left/,
    (world) => {
      world.messages = 1;
    },
  ],
  ['a result that is gone', /^I4 a row points at no object: outputs/, ({ objects }) => dropFirst(objects, 'outputs/')],
  ['a picture that is gone', /^I4 a row points at no object: inputs/, ({ objects }) => dropFirst(objects, 'inputs/')],
  [
    'a result that has changed',
    /^I4 an object is not what/,
    ({ objects }) => objects.set(dropFirst(objects, 'outputs/'), new TextEncoder().encode('b result')),
  ],
  [
    'an object without a row',
    /^I4 an object has no row/,
    ({ objects }) => objects.set('outputs/of/nobody', new Uint8Array(1)),
  ],
  ['a part of an object', /^I5 an object was begun/, ({ unfinished }) => unfinished.push('~tmp/x')],
  ['a process', /^I5 a process is left over/, ({ processes }) => processes.push('a process is left over: 1')],
  [
    'an open transaction',
    /^I5 a session holds a transaction open/,
    async ({ database }) => {
      const client = await database.pool.connect();
      onTestFinished(() => client.release(true));
      await client.query('begin');
    },
  ],
];

function dropFirst(objects: Map<string, Uint8Array>, prefix: string): string {
  const key = [...objects.keys()].find((each) => each.startsWith(prefix)) ?? '';
  objects.delete(key);
  return key;
}

it('a service that did all well breaks no invariant', async () => {
  expect(await look(await makeWorld())).toEqual([]);
});

it.each(SPOILED)('%s is noticed', async (_, expected, spoil) => {
  const world = await makeWorld();
  await spoil(world);
  expect(await look(world)).toContainEqual(expect.stringMatching(expected));
});
