import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import type { JobQueue, OutgoingMessage } from '../job-queue.ts';
import { createSqsQueue } from './sqs-queue.ts';

/** Idle connections stay: where node:http closes one as the client sends its next request, that fails. */
const NEVER_CLOSED = { keepAliveTimeout: 0 };

const requestSchema = z.object({
  Entries: z
    .array(z.object({ Id: z.string(), MessageBody: z.string(), MessageGroupId: z.string().optional() }).loose())
    .optional(),
  WaitTimeSeconds: z.number().optional(),
  VisibilityTimeout: z.number().optional(),
  ReceiptHandle: z.string().optional(),
});
interface Request extends z.output<typeof requestSchema> {
  readonly action: string;
}
type Answer = { readonly status?: number; readonly body: object } | 'silence';

/** What of the SQS protocol (AWS JSON 1.0) the tests script: `answer` says what each request gets. */
let server: Server;
let requests: Request[];
let answer: (request: Request) => Answer;
let queue: JobQueue;
let clock: number;
const lines: string[] = [];

beforeEach(async () => {
  // A request that a test has given up may still be read during the next.
  const received: Request[] = [];
  requests = received;
  lines.length = 0;
  clock = 0;
  server = createServer(NEVER_CLOSED, async (incoming, response) => {
    const chunks = await Array.fromAsync(incoming as AsyncIterable<Buffer>);
    const action = String(incoming.headers['x-amz-target']).replace('AmazonSQS.', '');
    const request = { action, ...requestSchema.parse(JSON.parse(Buffer.concat(chunks).toString())) };
    received.push(request);
    const answered = answer(request);
    if (answered === 'silence') return;
    response.writeHead(answered.status ?? 200, { 'content-type': 'application/x-amz-json-1.0' });
    response.end(JSON.stringify(answered.body));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  queue = open('/1/jobs');
});

afterEach(async () => {
  await queue.close();
  server.closeAllConnections();
  server.close();
});

const origin = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

function open(path: string): JobQueue {
  return createSqsQueue({
    queueUrl: origin() + path,
    region: 'us-east-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    visibilityMs: 30_000,
    now: () => clock,
    log: { info: (_, line) => lines.push(line), warn: (_, line) => lines.push(line) },
  });
}

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');
const jobs = (count: number, owner = 'ann'): OutgoingMessage[] =>
  Array.from({ length: count }, (_, index) => ({ jobId: `job_${index}`, owner }));
const error = (type: string, message: string): Answer => ({
  status: 400,
  body: { __type: `com.amazonaws.sqs#${type}`, message },
});
const GROUP_REFUSED = 'Value ann for parameter MessageGroupId is invalid. Reason: not valid for this queue type.';

function taken({ Entries = [] }: Request, refused: (id: string) => boolean = () => false): Answer {
  const Successful = Entries.filter(({ Id }) => !refused(Id)).map(({ Id, MessageBody }) => ({
    Id,
    MessageId: Id,
    MD5OfMessageBody: md5(MessageBody),
  }));
  const Failed = Entries.filter(({ Id }) => refused(Id)).map(({ Id }) => ({
    Id,
    Code: 'InternalError',
    SenderFault: false,
  }));
  return { body: { Successful, Failed } };
}

const inbox = (...bodies: string[]): Answer => ({
  body: {
    Messages: bodies.map((Body, index) => ({
      Body,
      MD5OfBody: md5(Body),
      MessageId: `m${index}`,
      ReceiptHandle: `h${index}`,
      Attributes: { ApproximateReceiveCount: '3' },
    })),
  },
});

const never = new AbortController().signal;

it('a batch goes out in tens, and a message that was not taken is told from the others', async () => {
  answer = (request) => taken(request, (id) => id === '3');
  const sent = await queue.send(jobs(23));
  expect(requests.map(({ Entries }) => Entries?.length)).toEqual([10, 10, 3]);
  expect(sent.map((ok, index) => (ok ? -1 : index)).filter((index) => index >= 0)).toEqual([3, 13]);
  expect(requests[0]?.Entries?.[4]).toMatchObject({ MessageBody: '{"v":1,"job_id":"job_4"}', MessageGroupId: 'ann' });
});

it('where the second request fails, the first ten count as sent', async () => {
  answer = (request) => (requests.length === 1 ? taken(request) : error('AccessDenied', 'no'));
  expect((await queue.send(jobs(25))).filter(Boolean)).toHaveLength(10);
  answer = () => error('AccessDenied', 'no');
  await expect(queue.send(jobs(2))).rejects.toMatchObject({ code: 'queue_unavailable' });
});

it.each(['in the answer', 'as an error'])('a refused MessageGroupId, told %s, is remembered', async (how) => {
  answer = (request) => {
    if (request.Entries?.[0]?.MessageGroupId === undefined) return taken(request);
    if (how === 'as an error') return error('InvalidParameterValueException', GROUP_REFUSED);
    const failed = { Code: 'InvalidParameterValueException', SenderFault: true, Message: GROUP_REFUSED };
    return { body: { Failed: request.Entries.map(({ Id }) => ({ Id, ...failed })) } };
  };
  expect(await queue.send(jobs(2))).toEqual([true, true]);
  expect(await queue.send(jobs(1))).toEqual([true]);
  expect(requests.map(({ Entries }) => Entries?.[0]?.MessageGroupId)).toEqual(['ann', undefined, undefined]);
  expect(lines).toEqual(['the queue takes no MessageGroupId; sending without it']);
});

it('an owner that is no group of SQS is one by its digest', async () => {
  answer = (request) => taken(request);
  await queue.send(jobs(1, 'Ann Ö.'));
  expect(requests[0]?.Entries?.[0]?.MessageGroupId).toMatch(/^[0-9a-f]{64}$/);
});

it('in a FIFO queue each job is a group, and each sending of it counts', async () => {
  answer = (request) => taken(request);
  const fifo = open('/1/jobs.fifo');
  await fifo.send(jobs(2));
  await fifo.send(jobs(2));
  await fifo.close();
  const entries = requests.flatMap(({ Entries = [] }) => Entries);
  expect(entries.map(({ MessageGroupId }) => MessageGroupId)).toEqual(['job_0', 'job_1', 'job_0', 'job_1']);
  expect(new Set(entries.map(({ MessageDeduplicationId }) => MessageDeduplicationId)).size).toBe(4);
});

it('a wait longer than a poll is polled again, 20 seconds at most each', async () => {
  answer = () => (requests.length < 3 ? inbox() : inbox('{"v":1,"job_id":"job_1"}'));
  const messages = await queue.receive({ max: 1, waitMs: 50_000, signal: never });
  expect(messages).toMatchObject([{ jobId: 'job_1', receiveCount: 3 }]);
  expect(requests.map(({ WaitTimeSeconds }) => WaitTimeSeconds)).toEqual([20, 20, 20]);
  expect(requests[0]).toMatchObject({ VisibilityTimeout: 30 });
});

it('messages that are not ours are deleted, those of a later version are left for a while', async () => {
  answer = ({ action }) => {
    if (action !== 'ReceiveMessage') return { body: {} };
    return inbox('not JSON', '{"v":2,"job_id":"x"}', '{"v":1,"job_id":"job_1"}');
  };
  expect(await queue.receive({ max: 10, waitMs: 0, signal: never })).toMatchObject([{ jobId: 'job_1' }]);
  expect(requests.slice(1)).toMatchObject([
    { action: 'DeleteMessage', ReceiptHandle: 'h0' },
    { action: 'ChangeMessageVisibility', ReceiptHandle: 'h1', VisibilityTimeout: 60 },
  ]);
  expect(lines).toHaveLength(2);
});

it('an abort ends a silent poll at once, and so does closing', async () => {
  answer = () => 'silence';
  const controller = new AbortController();
  const waiting = queue.receive({ max: 1, waitMs: 20_000, signal: controller.signal });
  await once(server, 'request');
  controller.abort();
  expect(await waiting).toEqual([]);
  const other = queue.receive({ max: 1, waitMs: 20_000, signal: never });
  await once(server, 'request');
  await queue.close();
  expect(await other).toEqual([]);
});

it('a message is hidden for whole seconds, and never beyond 12 hours', async () => {
  answer = ({ action }) => (action === 'ReceiveMessage' ? inbox('{"v":1,"job_id":"job_1"}') : { body: {} });
  const [message] = await queue.receive({ max: 1, waitMs: 0, signal: never });
  await queue.extend(message!, 90_500);
  await queue.extend(message!, 24 * 3_600_000);
  clock = 12 * 3_600_000;
  await queue.extend(message!, 90_500);
  await queue.release(message!, 90_500);
  const changes = requests.slice(1).map(({ action, VisibilityTimeout }) => [action, VisibilityTimeout]);
  expect(changes).toEqual([91, 43_140, 0].map((timeout) => ['ChangeMessageVisibility', timeout]));
});

it.each([
  ['ReceiptHandleIsInvalid', 'The input receipt handle is invalid.'],
  ['MessageNotInflight', 'not in flight'],
  ['InvalidParameterValue', 'Value x for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.'],
  ['InvalidParameterValue', 'Value 9 for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout …'],
])('a receipt that is void is no error: %s', async (type, message) => {
  answer = () => error(type, message);
  const stale = { jobId: 'job_1', receiveCount: 1, receipt: '0 h' };
  await queue.extend(stale, 1000);
  await queue.ack(stale);
  await queue.release(stale, 0);
  expect(requests).toHaveLength(3);
});

it.each([
  ['QueueDoesNotExist', 'The SQS queue does not exist.', 'QUEUE_URL'],
  ['AccessDenied', 'SQS refuses these credentials (AccessDenied).', 'sqs:ReceiveMessage'],
  ['KmsDisabled', 'SQS cannot be used (KmsDisabled).', 'QUEUE_URL'],
])('%s says what to do', async (type, message, hint) => {
  answer = () => error(type, 'words of the server');
  const refused = { code: 'queue_unavailable', message, hint: expect.stringContaining(hint) };
  await expect(queue.check()).rejects.toMatchObject(refused);
  await expect(queue.depth()).rejects.toMatchObject(refused);
  await expect(queue.receive({ max: 1, waitMs: 0, signal: never })).rejects.toMatchObject(refused);
});

it('a server that is not there says so', async () => {
  server.close();
  await expect(queue.check()).rejects.toMatchObject({
    code: 'queue_unavailable',
    message: 'SQS cannot be used (ECONNREFUSED).',
  });
});

it('what waits is counted with what is delayed', async () => {
  answer = () => ({
    body: { Attributes: { ApproximateNumberOfMessages: '4', ApproximateNumberOfMessagesDelayed: '1' } },
  });
  expect(await queue.depth()).toBe(5);
});
