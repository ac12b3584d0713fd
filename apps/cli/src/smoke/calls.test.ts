import { expect, it } from 'vitest';
import { againIfCut, createCalls, foreignAnswer } from './calls.ts';

const cut = () => new TypeError('fetch failed', { cause: Object.assign(new Error('x'), { code: 'ECONNRESET' }) });
const signal = new AbortController().signal;

it('a call whose connection is cut is made once more, and no more than once', async () => {
  let calls = 0;
  const once = againIfCut(async () => {
    if (++calls === 1) throw cut();
    return new Response('x');
  });
  expect(await (await once('http://h/')).text()).toBe('x');
  calls = 0;
  const always = againIfCut(async () => {
    calls++;
    throw cut();
  });
  await expect(always('http://h/')).rejects.toThrow('fetch failed');
  expect(calls).toBe(2);
});

it('a call that fails otherwise is not made again', async () => {
  let calls = 0;
  const refused = againIfCut(async () => {
    calls++;
    throw new TypeError('fetch failed', { cause: Object.assign(new Error('x'), { code: 'ECONNREFUSED' }) });
  });
  await expect(refused('http://h/')).rejects.toThrow();
  expect(calls).toBe(1);
});

it.each([
  [
    413,
    '<title>413 Request Entity Too Large</title>',
    'The answer is 413 from something that is not the service: "413 Request Entity Too Large".',
    /client_max_body_size/,
  ],
  [502, '', 'The answer is 502 from something that is not the service.', /reaches no API/],
  [504, '', 'The answer is 504 from something that is not the service.', /time-out/],
  [200, '<title> Welcome </title>', 'The answer is 200 from what shows a page and is not the API: "Welcome".', /--url/],
  [418, '', 'The answer is 418 from something that is not the service.', /--url/],
])('a %s that the service did not write is told as that, with what to do', (status, body, message, hint) => {
  const error = foreignAnswer(status, body);
  expect(error.message).toBe(message);
  expect(error.hint).toMatch(hint);
});

it('a service below a path is called there, and an address with a password is told without it', async () => {
  const seen: string[] = [];
  const calls = createCalls({
    baseUrl: 'http://user:secret@h/below',
    signal,
    fetch: async (target) => {
      seen.push(String(target));
      throw cut();
    },
  });
  const error = await calls.answer('livez').catch((thrown: unknown) => thrown);
  expect(seen).toEqual(['http://user:secret@h/below/livez']);
  expect(String(error)).toContain('/below/livez');
  expect(String(error)).not.toContain('secret');
});
