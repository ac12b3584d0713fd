import { getRequestListener } from '@hono/node-server';
import { parse as parseCookies } from 'hono/utils/cookie';
import { expect, it } from 'vitest';
import { addFlatFields } from '../../apps/api/src/body/form-values.ts';
import { decodeBase64, parseImage } from '../../apps/api/src/body/image-source.ts';
import { mediaTypeOf } from '../../apps/api/src/body/media-type.ts';
import { parseJson, readJsonBody } from '../../apps/api/src/body/read-json.ts';
import { readMultipart } from '../../apps/api/src/body/read-multipart.ts';
import { validateSubmission } from '../../apps/api/src/body/submission.ts';
import { matchesNone, readRange } from '../../apps/api/src/byte-range.ts';
import { requestIdOf } from '../../apps/api/src/middleware/request-id.ts';
import { isLoopbackName, pageOf, refuseForeignHost } from '../../apps/api/src/middleware/same-site.ts';
import { createBuiltPage } from '../../apps/api/src/page/built-page.ts';
import { waitSecondsOf } from '../../apps/api/src/prefer.ts';
import { seqOfEventId } from '../../apps/api/src/stream/sse.ts';
import { canonicalJson, readIdempotencyKey } from '../../apps/api/src/submit/idempotency.ts';
import { decideResult } from '../../apps/dispatcher/src/webhooks/decide-result.ts';
import { jobOptionsSchema, parseEditParameters, refuseUnstorable } from '../../packages/contract/src/index.ts';
import { receiverOf } from '../../packages/db/src/deliveries/receiver-of.ts';
import { checkUrl } from '../../packages/net/src/index.ts';
import { nextHop } from '../../packages/net/src/redirect.ts';
import { readTokenizerFiles } from '../../packages/pipeline/src/hub/tokenizer-files.ts';
import { createPromptEncoder } from '../../packages/pipeline/src/text/prompt.ts';
import { contentDisposition, verifySignedUrl } from '../../packages/storage/src/index.ts';
import { checkpointDir } from '../parity/goldens.ts';
import { createKeepAliveServer } from '../support/keep-alive-server.ts';
import { listenForTest } from '../support/listen-for-test.ts';
import { sharedApi } from './harness.ts';

/** Something that reads callers' text. It may refuse the text. */
interface Parser {
  readonly name: string;
  readonly parse: (text: string) => unknown;
  /** What the text begins with, so that the parser gets as far as it can. */
  readonly begins?: readonly string[];
  readonly ends?: readonly string[];
  readonly units?: readonly string[];
  /** Characters of the shortest text, if not as many as a header may have. */
  readonly length?: number;
}

const files = (await readTokenizerFiles(checkpointDir('demo'), 'tokenizer'))!;
const prompts = createPromptEncoder(files.file, files.config);
const page = createBuiltPage('/nowhere');
const asChunks = async function* (text: string) {
  yield Buffer.from(text, 'latin1');
};
const limits = { parts: 100, fieldBytes: 1_000_000, fileBytes: 1_000_000 };
const form = (contentType: string, body: string) => readMultipart(asChunks(body), contentType, limits);
const BOUNDARY = 'multipart/form-data; boundary=XX';
const hop = { url: new URL('https://example.com/'), method: 'GET', headers: {}, body: null };
const signed = { method: 'GET', secret: 'x'.repeat(32), now: new Date() };
const rules = { attempt: 0, retryMs: [1], random: () => 0.5, now: new Date() };
const LONG = 40_000;
let seen = 0;

/** Add what reads a text of a caller, or of a server that a caller has named. */
const PARSERS: readonly Parser[] = [
  { name: 'Prefer', parse: (text) => waitSecondsOf(text, 60), begins: ['', 'wait=x', 'wait=1', '"', 'a;'] },
  { name: 'Range', parse: (text) => readRange(text, 1000), begins: ['', 'bytes=', 'bytes=0-', 'bytes=0'] },
  { name: 'If-None-Match', parse: (text) => matchesNone(text, '"x"'), begins: ['', 'W/', '"'] },
  { name: 'X-Request-Id', parse: requestIdOf },
  { name: 'Idempotency-Key', parse: readIdempotencyKey },
  { name: 'Last-Event-ID', parse: (text) => seqOfEventId(text, 'job_1'), begins: ['', 'job_1:'] },
  { name: 'Content-Type', parse: mediaTypeOf, begins: ['', 'application/json;'] },
  { name: 'Accept-Encoding', parse: (text) => page.asset('a.js', text), begins: ['', 'br;', 'br;q=0.'] },
  { name: 'Cookie', parse: (text) => parseCookies(text), begins: ['', 'qwen_edit_session=', 'a="'] },
  { name: 'one cookie', parse: (text) => parseCookies(text, 'qwen_edit_session'), begins: ['', 'qwen_edit_session='] },
  {
    name: 'Host',
    parse: (text) => refuseForeignHost(`http://${text}/`, { publicUrl: undefined, allowedHosts: [] }),
    begins: ['', '127.', '['],
  },
  { name: 'a host name', parse: isLoopbackName, begins: ['', '127.'] },
  {
    name: 'Origin',
    parse: (text) => pageOf({ url: 'http://a/', method: 'GET', header: () => text, publicUrl: undefined }),
    begins: ['', 'http://'],
  },
  {
    name: 'Retry-After of a receiver',
    parse: (text) => decideResult({ status: 503, retryAfter: text }, rules),
    begins: ['', 'Mon, 30 Nov 2026 ', '1'],
  },
  {
    name: 'Location of a redirect',
    parse: (text) => nextHop(hop, 302, text, { allowPrivate: false }),
    begins: ['', '/', 'https://'],
  },
  {
    name: 'the address of a picture',
    parse: (text) => checkUrl(text, { allowPrivate: false }),
    begins: ['https://', 'https://a/', 'https://['],
  },
  { name: 'the address of a receiver', parse: receiverOf, begins: ['', 'https://', 'https://a:'] },
  {
    name: 'a signed address',
    parse: (text) => verifySignedUrl(`http://a/v1/objects/${text}`, signed),
    begins: ['', 'inputs/', 'inputs/a?'],
  },
  { name: 'the name of a result', parse: (text) => contentDisposition(text) },
  {
    name: 'a field of a form',
    parse: (text) =>
      addFlatFields(new Map(), [
        ['steps', text],
        ['metadata', text],
      ]),
    begins: ['', '1', '1.', '1e', '.'],
    length: LONG,
  },
  {
    name: 'a picture as text',
    parse: (text) => parseImage(text, 'x'),
    begins: ['', 'data:', 'data:image/png;base64,', 'https://', 'upload_'],
    length: LONG,
  },
  { name: 'base64', parse: (text) => decodeBase64(text, 'x'), begins: ['', '\r'], length: LONG },
  { name: 'JSON', parse: (text) => parseJson(text), begins: ['', '"', '[', '{"', '0.', '[1'], length: LONG },
  { name: 'a body of JSON', parse: (text) => readJsonBody(asChunks(text)), begins: ['', '"'], length: LONG },
  {
    name: 'the type of a form',
    parse: (text) => form(text, ''),
    begins: ['multipart/form-data; ', 'multipart/form-data; boundary=', 'multipart/form-data; boundary="'],
  },
  {
    name: 'a boundary',
    parse: (text) => form(`multipart/form-data; boundary=${text}`, `--${text}\r\n`.repeat(3)),
    begins: [''],
  },
  {
    name: 'the head of a part',
    parse: (text) => form(BOUNDARY, `--XX\r\n${text}\r\n\r\nx\r\n--XX--\r\n`),
    begins: [
      '',
      'Content-Disposition: form-data; ',
      'Content-Disposition: form-data; name="',
      "Content-Disposition: form-data; filename*=utf-8''",
    ],
  },
  {
    name: 'the content of a part',
    parse: (text) => form(BOUNDARY, `--XX\r\nContent-Disposition: form-data; name="a"\r\n\r\n${text}`),
    begins: ['', '\r\n--XX', '\r\n--X'],
    length: LONG,
  },
  {
    name: 'parameters',
    parse: (prompt) => parseEditParameters({ prompt, negative_prompt: prompt, seed: prompt, output_format: prompt }),
    begins: ['', '1'],
    length: LONG,
  },
  {
    name: 'options',
    parse: (text) =>
      jobOptionsSchema.safeParse({ webhook_url: text, webhook_secret: text, deadline: text, metadata: { a: text } }),
    begins: ['', 'whsec_', '2030-01-31T12:00:00', '2030-01-31T12:00:00.0'],
    length: LONG,
  },
  {
    name: 'what is stored',
    parse: (text) => {
      refuseUnstorable({ a: text }, 'x');
      return canonicalJson({ a: text });
    },
    length: LONG,
  },
  {
    name: 'the name of an unknown field',
    parse: (text) => validateSubmission({ fields: new Map([[text, 1]]), images: [] }, new Date()),
    begins: ['', 'prompt'],
    length: LONG,
  },
  // Prompts have at most 10,000 characters. The tokenizer keeps what it has seen, so each text is a new one.
  {
    name: 'a prompt',
    parse: (text) => prompts.encode(`${text}${seen++}`, [4]),
    units: [' ', 'a', '0', '<|', '\n '],
    ends: ['!'],
    length: 8000,
  },
];

/** What a text consists of: characters that patterns repeat, and pairs that end and begin something. */
const UNITS = [
  ...[' ', '\t', '"', "'", '\\', ',', ';', '=', 'a', '0', '-', '.', '/', '%', '(', '[', '{', ':', '@', '|', '*', 'é'],
  ...[
    'a=',
    '=,',
    ', ',
    '; ',
    '\\"',
    '",',
    'a,',
    'a;',
    'a.',
    '0.',
    '%a',
    '%41',
    '&a=',
    '\r\n',
    '\n ',
    ' a',
    'W/"',
    '--',
    '-0',
    '<|',
    'ab',
  ],
];
const ENDS = ['', 'x', '!', '\0', '"'];
/** How often a text that takes long is doubled: the last is 16 times as long. */
const DOUBLINGS = 4;
/**
 * What takes longer than this at one of those lengths takes quadratic time. Linear parsers take a fiftieth of it, and the
 * slowest, the tokenizer, a fifteenth; a quadratic one, with some 10 ** 10 steps to do at the last length, takes half a minute.
 */
const BOUND_MS = 5_000;
/** What takes less is not looked at further: on no machine do as many steps as the square of a text has take so little. */
const GLANCE_MS = 4;

/** The time of a run, or what of it this process was computing: a busy machine adds to the first, threads to the second. */
async function msOf(run: () => unknown): Promise<number> {
  const [start, before] = [performance.now(), process.cpuUsage()];
  try {
    await run();
  } catch {
    // A refusal is an answer.
  }
  const { user, system } = process.cpuUsage(before);
  return Math.min(performance.now() - start, (user + system) / 1000);
}

/** The least of up to three runs, of which one under the bound is enough. */
async function leastMs(run: () => unknown, boundMs: number): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 3 && least > boundMs; i++) least = Math.min(least, await msOf(run));
  return least;
}

interface Bounds {
  readonly glanceMs?: number;
  readonly boundMs?: number;
}

/** How long the first text of these lengths takes that takes longer than the bound; undefined if none does. */
async function excess(
  parse: (text: string) => unknown,
  textOf: (length: number) => string,
  length: number,
  { glanceMs = GLANCE_MS, boundMs = BOUND_MS }: Bounds = {},
): Promise<string | undefined> {
  const first = textOf(length);
  if ((await msOf(() => parse(first))) < glanceMs) return undefined;
  for (let doublings = 0; doublings <= DOUBLINGS; doublings++) {
    const text = textOf(length * 2 ** doublings);
    const ms = await leastMs(() => parse(text), boundMs);
    if (ms > boundMs) return `takes ${(ms / 1000).toFixed(1)} s with ${text.length} characters`;
  }
  return undefined;
}

/** The first text that takes quadratic time, if there is one: others would only take longer. */
async function quadraticText(
  { parse, begins = [''], units = UNITS, ends = ENDS, length = 16_000 }: Parser,
  bounds?: Bounds,
): Promise<string | undefined> {
  for (const begin of begins)
    for (const unit of units)
      for (const end of ends) {
        const textOf = (characters: number) => begin + unit.repeat(characters / unit.length) + end;
        const found = await excess(parse, textOf, length, bounds);
        if (found !== undefined) return `${JSON.stringify([begin, unit, end])} ${found}`;
      }
  return undefined;
}

it.each(PARSERS)('$name takes linear time, whatever is sent', async (parser) => {
  expect(await quadraticText(parser)).toBeUndefined();
});

it('the table would find a parser that takes quadratic time', async () => {
  const waits = /^\s*([^\s=;]+)\s*=\s*([^;]*?)\s*(?:;.*)?$/;
  const old = {
    name: 'Prefer, as it was',
    parse: (text: string) => waits.exec(text),
    begins: ['wait=x'],
    units: ['a', ' '],
    length: 4000,
    ends: ['x'],
  };
  // A bound that this one exceeds soon; a linear one takes less than a thousandth of it.
  expect(await quadraticText(old, { boundMs: 200 })).toContain('["wait=x"," ","x"]');
});

const HEADERS = [
  ...['accept', 'accept-encoding', 'accept-language', 'authorization', 'content-encoding', 'content-type', 'cookie'],
  ...['forwarded', 'idempotency-key', 'if-match', 'if-modified-since', 'if-none-match', 'if-range', 'last-event-id'],
  ...['origin', 'prefer', 'range', 'referer', 'sec-fetch-mode', 'sec-fetch-site', 'user-agent', 'x-api-key'],
  ...['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-request-id'],
];
const server = sharedApi();
const HEAD_LENGTH = 14_000;

/** The address of a server that hands the same API longer heads than the one that it runs in lets in. */
async function withLongHeads(): Promise<string> {
  const options = { overrideGlobalObjects: false, hostname: 'localhost', autoCleanupIncoming: false } as const;
  const answer = getRequestListener(server().api.fetch, options);
  return listenForTest(createKeepAliveServer((incoming, outgoing) => void answer(incoming, outgoing), 2 ** 22));
}

it('no header and no address makes a request take quadratic time', async () => {
  const url = await withLongHeads();
  const found: string[] = [];
  const look = async (what: string, send: (text: string) => unknown): Promise<void> => {
    for (const unit of [' ', '"', ',', ';', '=', 'a', '0', '.', '/', '%']) {
      const textOf = (length: number) => `a${unit.repeat(length)}x`;
      const more = await excess(send, textOf, HEAD_LENGTH, { glanceMs: 20 });
      if (more !== undefined) found.push(`${what} ${JSON.stringify(unit)} ${more}`);
    }
  };
  const path = `/v1/jobs/job_${'0'.repeat(32)}/events`;
  const ask = async (address: string, headers = {}) => {
    const response = await fetch(url + address, { headers });
    await response.text();
    if (response.status === 431) found.push('a head was not let in');
  };
  for (const header of HEADERS) await look(header, (text) => ask(path, { [header]: text }));
  for (const before of ['/', '/v1/jobs?q=', '/v1/jobs?', '/v1/jobs/', '/v1/objects/', '/assets/'])
    await look(before, (text) => ask(before + encodeURI(text)));
  expect(found).toEqual([]);
});
