import { afterEach, describe, expect, it } from 'vitest';
import { ERRORS, type ErrorCode, PROBLEM_MEDIA_TYPE, problemSchema } from '../../packages/contract/src/index.ts';
import { HEIC, madeUp, png, RGB, rgb } from '../bad-input/pictures.ts';
import { picture, sharedApi, startTestApi, submitJson, type TestApi } from './harness.ts';

const server = sharedApi();
const good = (await picture()).toString('base64');

async function expectProblem(response: Response, code: ErrorCode, ...says: readonly string[]): Promise<void> {
  const text = await response.text();
  expect(response.status, text).toBe(ERRORS[code].status);
  expect(response.headers.get('content-type')).toBe(PROBLEM_MEDIA_TYPE);
  const problem = problemSchema.parse(JSON.parse(text));
  expect(problem).toMatchObject({ code, status: response.status, request_id: response.headers.get('x-request-id') });
  for (const word of says) expect(problem.detail).toContain(word);
}

afterEach(async () => {
  const api = server();
  expect(api.api.stats(), 'nothing is held').toEqual({ waiting: 0, streams: 0, bytesHeld: 0 });
});

/** What was refused left no job, and no object. */
async function expectNothingKept(api: TestApi): Promise<void> {
  const { rows } = await api.database.pool.query(
    'select (select count(*) from jobs) + (select count(*) from assets) as n',
  );
  expect(Number(rows[0].n)).toBe(0);
  expect(await Array.fromAsync(api.store.list(''))).toEqual([]);
}

describe('numbers', () => {
  it.each([
    ['"num_inference_steps": NaN', 'request_malformed'],
    ['"num_inference_steps": Infinity', 'request_malformed'],
    ['"num_inference_steps": 1e309', 'invalid_parameter', 'num_inference_steps'],
    ['"true_cfg_scale": -1e309', 'invalid_parameter', 'true_cfg_scale'],
    ['"num_inference_steps": "40"', 'invalid_parameter', 'num_inference_steps', 'whole number'],
    ['"num_inference_steps": 40.5', 'invalid_parameter', 'num_inference_steps'],
    ['"num_inference_steps": -0', 'invalid_parameter', 'num_inference_steps'],
    ['"num_inference_steps": [40]', 'invalid_parameter', 'num_inference_steps'],
    ['"num_inference_steps": true', 'invalid_parameter', 'num_inference_steps'],
    ['"num_inference_steps": null', 'invalid_parameter', 'num_inference_steps'],
    ['"num_inference_steps": 101', 'invalid_parameter', 'at most 100'],
    ['"true_cfg_scale": "4"', 'invalid_parameter', 'true_cfg_scale'],
    ['"width": 0', 'invalid_parameter', 'width'],
    ['"seed": 9007199254740993', 'invalid_parameter', 'seed'],
    ['"seed": 1.5', 'invalid_parameter', 'seed'],
    ['"seed": "18446744073709551616"', 'invalid_parameter', 'seed'],
    ['"seed": [1]', 'invalid_parameter', 'seed'],
    ['"output_format": "bmp"', 'invalid_parameter', 'output_format'],
    ['"size": "512"', 'invalid_parameter', 'size must be auto, or width x height in pixels, as 1024x768.'],
    ['"size": "5000x64"', 'invalid_parameter', 'size must have sides of at most 4096.'],
    ['"size": [512, 384]', 'invalid_parameter', 'size must be a text.'],
    ['"size": "512x384", "height": 512', 'invalid_parameter', 'size and height say different things.'],
    ['"output_area": "512x512"', 'invalid_parameter', 'output_area must be a whole number'],
    ['"output_area": 16777217', 'invalid_parameter', 'output_area must be at most 16777216.'],
    ['"output_area": 262144, "width": 512', 'invalid_parameter', 'and width gives them; leave one out.'],
    ['"reference_size": "area"', 'invalid_parameter', 'reference_size must be one of: model, output.'],
    [
      '"preset": "As fast as you can"',
      'invalid_parameter',
      'preset must be lower case letters, digits, dots, _ and -.',
    ],
    ['"resolution": "512x512"', 'invalid_parameter', 'Did you mean `size`?'],
  ] as [string, ErrorCode, ...string[]][])('%s is %s', async (member, code, ...says) => {
    const body = `{"prompt":"x","images":["${good}"],${member}}`;
    await expectProblem(await submitJson(server(), body), code, ...says);
    await expectNothingKept(server());
  });

  it.each([
    ['num_inference_steps', 'NaN'],
    ['num_inference_steps', 'Infinity'],
    ['num_inference_steps', '1e309'],
    ['num_inference_steps', '0x10'],
    ['num_inference_steps', '40.5'],
    ['num_inference_steps', 'forty'],
    ['width', '１００'],
    ['seed', '9007199254740993.0'],
  ])('the field %s of a form is not %s', async (name, text) => {
    const form = new FormData();
    form.append('image', new Blob([Buffer.from(good, 'base64')]), 'a.png');
    form.append('prompt', 'x');
    form.append(name, text);
    await expectProblem(
      await fetch(`${server().url}/v1/jobs`, { method: 'POST', body: form }),
      'invalid_parameter',
      name,
    );
  });

  it('what is exact is taken', async () => {
    const api = await startTestApi();
    const body = `{"prompt":"x","images":["${good}"],"seed":"9007199254740993","true_cfg_scale":-0,"max_side":0,"num_inference_steps":4e1}`;
    const response = await submitJson(api, body);
    expect(response.status).toBe(202);
    expect(((await response.json()) as { input: unknown }).input).toMatchObject({ seed: '9007199254740993' });
  });
});

describe('names', () => {
  it.each([
    ['{"prompt":"x","images":["@"],"strength":1}', 'strength'],
    ['{"prompt":"x","images":["@"],"__proto__":{"seed":1}}', '__proto__'],
    ['{"prompt":"x","images":["@"],"\\u005f_proto__":1}', '__proto__'],
    ['{"prompt":"x","images":["@"],"constructor":{}}', 'constructor'],
    ['{"prompt":"x","images":["@"],"toString":1}', 'toString'],
    ['{"prompt":"x","images":["@"],"metadata":{"__proto__":"x"}}', '__proto__'],
    ['{"prompt":"x","images":["@"],"metadata":{"a":1}}', 'metadata.a'],
    ['{"prompt":"x","images":["@"],"metadata":["a"]}', 'metadata'],
    ['{"prompt":["x"],"images":["@"]}', 'prompt'],
    ['{"images":["@"]}', 'prompt'],
    ['{"prompt":"x","images":"@"}', 'images'],
    ['{"prompt":"x","images":[]}', 'images'],
    ['{"prompt":"x"}', 'images'],
    [`{"prompt":"x","images":[${Array(9).fill('"@"')}]}`, 'images'],
    ['{"prompt":"x","images":["@",5]}', 'images.1'],
    ['{"prompt":"x","images":[["@"]]}', 'images.0'],
    ['{"prompt":"x","images":[{"data":"@","url":"https://example.com/"}]}', 'images.0'],
    ['{"prompt":"x","images":[{"path":"/etc/passwd"}]}', 'images.0'],
    ['{"prompt":"x","images":["/etc/passwd"]}', 'image_invalid'],
    ['{"prompt":"x","images":["/etc/passwd.png"]}', 'images.0'],
    ['{"prompt":"x","images":["file:///etc/passwd"]}', 'images.0'],
    ['{"prompt":"x","images":["data:image/png,abc"]}', 'images.0'],
    ['{"prompt":"x","images":["a=b"]}', 'images.0'],
    ['{"prompt":"x","images":["upload_0"]}', 'images.0'],
    [`{"prompt":"x","images":["upload_${'0'.repeat(32)}"]}`, 'Picture 1'],
    ['{"prompt":"x","images":["@"],"deadline":"2001-01-01T00:00:00Z"}', 'deadline'],
    ['{"prompt":"x","images":["@"],"deadline":"tomorrow"}', 'deadline'],
    ['{"prompt":"x","images":["@"],"deadline":"2099-01-01T00:00:00"}', 'deadline'],
    ['{"prompt":"x","images":["@"],"webhook_secret":"abc"}', 'webhook_secret'],
    ['[]', 'object'],
    ['null', 'object'],
    ['"x"', 'object'],
  ])('%s', async (body, says) => {
    const response = await submitJson(server(), body.replaceAll('@', good));
    if (says === 'image_invalid') await expectProblem(response, 'image_invalid');
    else await expectProblem(response, 'invalid_parameter', says);
    await expectNothingKept(server());
  });

  it.each([
    ['', 'request_malformed'],
    ['{', 'request_malformed'],
    ['{"prompt":"x",}', 'request_malformed'],
    [`${'['.repeat(200_000)}`, 'request_malformed'],
    [`{"prompt":${'['.repeat(200_000)}${']'.repeat(200_000)}}`, 'request_malformed'],
  ] as [string, ErrorCode][])('a body that is no JSON (%#) is %s', async (body, code) => {
    await expectProblem(await submitJson(server(), body), code);
  });

  it('a body that is no UTF-8, and one of another type', async () => {
    const post = (body: string | Buffer, type: string) =>
      fetch(`${server().url}/v1/jobs`, { method: 'POST', headers: { 'content-type': type }, body });
    await expectProblem(await post(Buffer.from([0x22, 0xff, 0x22]), 'application/json'), 'request_malformed', 'UTF-8');
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'image/png', 'multipart/mixed; boundary=x'])
      await expectProblem(await post('x', type), 'media_type_unsupported');
  });

  it('a form with a field twice, an unknown field or file, or params that are none', async () => {
    const post = async (fields: [string, string | Blob][]) => {
      const form = new FormData();
      for (const [name, value] of fields) form.append(name, value as Blob);
      return fetch(`${server().url}/v1/jobs`, { method: 'POST', body: form });
    };
    const image: [string, Blob] = ['image', new Blob([Buffer.from(good, 'base64')])];
    const p: [string, string] = ['prompt', 'x'];
    await expectProblem(await post([image, p, p]), 'invalid_parameter', 'prompt', 'more than once');
    await expectProblem(await post([image, p, ['params', '{"prompt":"y"}']]), 'invalid_parameter', 'more than once');
    await expectProblem(await post([image, p, ['params', '[]']]), 'invalid_parameter', 'params');
    await expectProblem(await post([image, p, ['params', '{']]), 'request_malformed', 'params');
    await expectProblem(await post([image, p, ['metadata', 'x']]), 'request_malformed', 'metadata');
    await expectProblem(await post([image, p, ['__proto__', 'x']]), 'invalid_parameter', '__proto__');
    await expectProblem(await post([image, p, ['mask', new Blob(['x'])]]), 'invalid_parameter', 'mask');
    await expectProblem(await post([image, ['prompt', new Blob([Buffer.of(255)])]]), 'invalid_parameter', 'prompt');
    await expectProblem(await post([p]), 'invalid_parameter', 'images');
    await expectProblem(await post([image]), 'invalid_parameter', 'prompt');
    await expectProblem(await post([p, ...Array(9).fill(image)]), 'invalid_parameter', 'images');
    await expectNothingKept(server());
  });
});

describe('prompts', () => {
  it.each([
    ['empty', '', 'prompt_empty'],
    ['only spaces', ' \n\t ', 'prompt_empty'],
    ['100 KB', 'x'.repeat(100_000), 'prompt_too_long'],
    ['NUL', 'a\0b', 'invalid_parameter'],
    ['a lone high surrogate', 'a\ud800b', 'invalid_parameter'],
    ['a lone low surrogate', 'a\udc00b', 'invalid_parameter'],
  ] as [string, string, ErrorCode][])('%s', async (_, prompt, code) => {
    await expectProblem(await submitJson(server(), { prompt, images: [good] }), code);
    await expectNothingKept(server());
  });

  it('the same in other texts that are stored', async () => {
    for (const bad of ['a\0', '\ud800']) {
      for (const field of [{ negative_prompt: bad }, { metadata: { a: bad } }, { metadata: { [bad]: 'a' } }])
        await expectProblem(await submitJson(server(), { prompt: 'x', images: [good], ...field }), 'invalid_parameter');
    }
    await expectNothingKept(server());
  });

  it('of any language, with marks and special tokens, are kept as they are', async () => {
    const api = await startTestApi();
    for (const prompt of [
      '把图片变成黑白',
      'שלום\u202eabc\u202c',
      '<|im_end|><|image_pad|><|vision_start|>',
      '👩‍👩‍👧 e\u0301',
    ]) {
      const response = await submitJson(api, { prompt, images: [good] });
      expect(((await response.json()) as { input: unknown }).input).toMatchObject({ prompt });
    }
  });
});

describe('pictures', () => {
  const flat = (width: number, height: number): Buffer =>
    png({ width, height, depth: 8, color: RGB }, new Uint8Array(width * height * 3).fill(90));
  const bomb = (width: number, height: number): Buffer =>
    png({ width, height, depth: 8, color: RGB }, new Uint8Array());

  it.each([
    ['nothing', Buffer.alloc(0), 'image_invalid'],
    ['words', Buffer.from('no picture '.repeat(9)), 'image_invalid'],
    ['SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'), 'image_invalid'],
    ['PDF', Buffer.from('%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj'), 'image_invalid'],
    ["HTML with a GIF's magic number", Buffer.from('GIF89a<script>alert(1)</script>'), 'image_invalid'],
    [
      "HTML with a PNG's magic number",
      Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.from('<html>')]),
      'image_invalid',
    ],
    ['a pixel bomb of 30,000²', bomb(30_000, 30_000), 'image_too_large'],
    ['1 × 20,000', flat(1, 20_000), 'image_ratio'],
    ['20,000 × 1', flat(20_000, 1), 'image_ratio'],
  ] as [string, Buffer, ErrorCode][])('%s', async (_, bytes, code) => {
    const images = [good, bytes.toString('base64')];
    await expectProblem(await submitJson(server(), { prompt: 'x', images }), code, 'Picture 2');
    await expectNothingKept(server());
  });

  it.each([
    ['whole', HEIC],
    ['of which little is there', HEIC.subarray(0, 60)],
  ])('a HEIC, %s, is named as such, with what to do', async (_, bytes) => {
    const response = await submitJson(server(), { prompt: 'x', images: [bytes.toString('base64')] });
    const { hint } = (await response.clone().json()) as { hint: string };
    expect(hint).toMatch(/^Export it as JPEG/);
    await expectProblem(response, 'image_invalid', 'Picture 1 is a HEIC file');
    await expectNothingKept(server());
  });

  it('a JPEG that is cut off', async () => {
    const whole = await rgb(madeUp(64, 48), 64, 48).jpeg().toBuffer();
    const images = [whole.subarray(0, whole.length - 30).toString('base64')];
    await expectProblem(await submitJson(server(), { prompt: 'x', images }), 'image_invalid', 'Picture 1');
  });

  it('odd ones are pictures: 1 × 1, 16 bits, palette, alpha, animated, rotated, with a wrong type', async () => {
    const api = await startTestApi();
    const sharpened = rgb(madeUp(64, 48), 64, 48);
    const odd = [
      flat(1, 1),
      png({ width: 4, height: 4, depth: 16, color: RGB }, new Uint8Array(4 * 4 * 6)),
      await sharpened.clone().png({ palette: true }).toBuffer(),
      await sharpened.clone().ensureAlpha(0.3).webp().toBuffer(),
      await sharpened.clone().gif().toBuffer(),
      await sharpened.clone().jpeg().withMetadata({ orientation: 6 }).toBuffer(),
      await sharpened.clone().toColourspace('cmyk').jpeg().toBuffer(),
    ];
    const form = new FormData();
    form.append('prompt', 'x');
    for (const bytes of odd)
      form.append('image', new Blob([new Uint8Array(bytes)], { type: 'application/pdf' }), 'x.pdf');
    const response = await fetch(`${api.url}/v1/jobs`, { method: 'POST', body: form });
    expect(response.status).toBe(202);
    const { input } = (await response.json()) as { input: { images: Record<string, unknown>[] } };
    expect(input.images[5], 'as a person sees it').toMatchObject({ width: 48, height: 64, media_type: 'image/jpeg' });
  });
});

describe('addresses', () => {
  const INSIDE = [
    'http://127.0.0.1/x.png',
    'http://localhost/x.png',
    'http://[::1]/x.png',
    'http://[::ffff:127.0.0.1]/',
    'http://10.0.0.1/',
    'http://169.254.169.254/latest/meta-data/',
    'http://2130706433/',
    'http://0177.0.0.1/',
    'http://0x7f.1/',
    'http://metadata.google.internal/',
    'https://user:password@example.com/',
  ];

  it.each(INSIDE)('%s is called neither for a picture nor for a webhook', async (url) => {
    await expectProblem(await submitJson(server(), { prompt: 'x', images: [url] }), 'url_refused');
    await expectProblem(await submitJson(server(), { prompt: 'x', images: [good], webhook_url: url }), 'url_refused');
    await expectNothingKept(server());
  });

  it.each(['file:///etc/passwd', 'ftp://example.com/x.png', 'gopher://example.com/', 'javascript:alert(1)', ''])(
    'the scheme of %j',
    async (url) => {
      await expectProblem(await submitJson(server(), { prompt: 'x', images: [{ url }] }), 'url_refused');
      await expectProblem(await submitJson(server(), { prompt: 'x', images: [good], webhook_url: url }), 'url_refused');
    },
  );
});

it('a picture’s address tells nothing of the names of the inside, and the log says what it was', async () => {
  const resolve = async (host: string) => {
    if (host === 'inside.example') return [{ address: '10.0.0.1', family: 4 }];
    throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
  };
  const api = await startTestApi({ resolve });
  const answers = await Promise.all(
    ['inside.example', 'absent.example'].map(async (host) => {
      const start = performance.now();
      const response = await submitJson(api, { prompt: 'x', images: [`https://${host}/x.png`] });
      expect(performance.now() - start).toBeGreaterThan(990);
      const { request_id: _, ...problem } = (await response.json()) as Record<string, unknown>;
      return JSON.stringify(problem).replace(host, 'HOST');
    }),
  );
  expect(answers[0]).toContain('url_unreachable');
  expect(answers[0]).toBe(answers[1]);
  expect(api.lines.join('')).toMatch(/inside\.example has an address that is not on the public Internet/);
  expect(api.lines.join('')).toMatch(/ENOTFOUND/);
});

it('an address that is not known, and a method that is not', async () => {
  await expectProblem(await fetch(`${server().url}/v2/jobs`), 'not_found');
  await expectProblem(await fetch(`${server().url}/v1/jobs/`), 'not_found');
  for (const [method, path, allow] of [
    ['PUT', '/v1/jobs', 'POST, GET, HEAD'],
    ['OPTIONS', '/v1/jobs', 'POST, GET, HEAD'],
    ['GET', '/edit', 'POST'],
    ['POST', '/health', 'GET, HEAD'],
    ['PATCH', '/v1/jobs/job_0', 'GET, HEAD, DELETE'],
  ] as const) {
    const response = await fetch(server().url + path, { method });
    expect(response.headers.get('allow')).toBe(allow);
    await expectProblem(response, 'method_not_allowed');
  }
});

it('a problem tells every wrong field with its path, a code and parameters', async () => {
  const body = { prompt: 'x', images: [good], steps: 101, output_format: 'gif', seed: -2, promtp: 1 };
  const response = await submitJson(server(), JSON.stringify(body));
  expect(response.status).toBe(400);
  const { errors, detail } = (await response.json()) as { errors: unknown; detail: string };
  expect(errors).toEqual([
    { path: 'promtp', code: 'unknown_field', parameters: { suggestion: 'prompt' }, message: detail },
    {
      ...{ path: 'num_inference_steps', code: 'too_large', parameters: { max: 100 } },
      message: 'num_inference_steps must be at most 100.',
    },
    { path: 'seed', code: 'invalid', parameters: {}, message: expect.stringMatching(/^seed must be a whole number/) },
    {
      ...{ path: 'output_format', code: 'not_one_of', parameters: { choices: ['png', 'jpeg', 'webp'] } },
      message: 'output_format must be one of: png, jpeg, webp.',
    },
  ]);
  expect(detail).toBe('promtp is not a known field. Did you mean `prompt`?');
  const twice = await submitJson(server(), `{"prompt":"x","prompt":"y","images":["${good}"]}`);
  expect(await twice.json()).toMatchObject({ status: 400, errors: [{ path: 'prompt', code: 'duplicate' }] });
});
