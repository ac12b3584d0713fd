import { AppError } from '@qwen-edit/contract';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { describeConfig, readConfig } from './config.ts';

it('an empty environment leaves every value unset', () => {
  const config = readConfig({ PATH: '/bin', QWEN_EDIT_NICE: '' });
  expect(config.modelDir).toBe(undefined);
  expect(config.maxCpuThreads).toBe(undefined);
  expect(config.nice).toBe(undefined);
  expect(config.noColor).toBe(false);
});

it('reads the names of the guide', () => {
  const environment = {
    QWEN_EDIT_2511_DIR: '/models/edit',
    QWEN_EDIT_MAX_CPU_THREADS: '4',
    QWEN_EDIT_NICE: '10',
    NO_COLOR: '1',
  };
  expect(readConfig(environment)).toMatchObject({
    modelDir: '/models/edit',
    maxCpuThreads: 4,
    nice: 10,
    noColor: true,
  });
});

it.each([
  ['QWEN_EDIT_MAX_CPU_THREADS', '0'],
  ['QWEN_EDIT_MAX_CPU_THREADS', '2.5'],
  ['QWEN_EDIT_MAX_CPU_THREADS', 'NaN'],
  ['QWEN_EDIT_NICE', '0x10'],
  ['QWEN_EDIT_NICE', '1e1'],
])('refuses %s=%s and names it', (name, value) => {
  const read = () => readConfig({ [name]: value });
  expect(read).toThrow(AppError);
  expect(read).toThrow(`${name} `);
});

it('a laptop needs no variable at all', () => {
  expect(readConfig({})).toMatchObject({
    databaseUrl: undefined,
    queueUrl: 'postgres:',
    dataDir: '.qwen-edit',
    host: '127.0.0.1',
    port: 7860,
    leaseMs: 30_000,
    maxAttempts: 3,
    webhookRetryMs: [5_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000],
  });
});

it('times are given in seconds, also in parts of them', () => {
  expect(readConfig({ QWEN_EDIT_LEASE_SECONDS: '1.5', QWEN_EDIT_WEBHOOK_RETRY_SECONDS: '0.1, 2' })).toMatchObject({
    leaseMs: 1500,
    webhookRetryMs: [100, 2000],
  });
});

it.each([
  ['PORT', '70000'],
  ['QUEUE_URL', 'ftp://queue'],
  ['DATABASE_URL', 'mysql://x'],
  ['STORAGE_URL', '/tmp'],
  ['QWEN_EDIT_LEASE_SECONDS', '-1'],
  ['QWEN_EDIT_WEBHOOK_RETRY_SECONDS', '1,,2'],
  ['QWEN_EDIT_ALLOW_PRIVATE_URLS', 'maybe'],
])('refuses %s=%s and names it too', (name, value) => {
  expect(() => readConfig({ [name]: value })).toThrow(`${name} `);
});

it('a flag comes before the environment, and the printed table says where each value comes from', () => {
  const environment = { PORT: '1', HOST: '127.0.0.2' };
  expect(readConfig(environment, { PORT: '2' }).port).toBe(2);
  const shown = describeConfig(environment, { PORT: '2' });
  const of = (variable: string) => shown.find((each) => each.variable === variable);
  expect(of('PORT')).toMatchObject({ value: '2', origin: 'flag' });
  expect(of('HOST')).toMatchObject({ value: '127.0.0.2', origin: 'environment' });
  expect(of('QWEN_EDIT_LEASE_SECONDS')).toMatchObject({ value: '30', origin: 'default' });
  expect(of('DATABASE_URL')).toMatchObject({ value: '', origin: 'unset' });
});

it('secrets are masked, in the table and in errors', () => {
  const environment = {
    DATABASE_URL: 'postgres://me:hidden-1@db/x?password=hidden-2',
    QWEN_EDIT_WEBHOOK_SECRET: 'hidden-3',
    QWEN_EDIT_API_KEY: 'hidden-4',
  };
  expect(JSON.stringify(describeConfig(environment))).not.toContain('hidden');
  expect(() => readConfig({ DATABASE_URL: 'mysql://me:hidden@db' })).not.toThrow('hidden');
});

/** No character of these is in the rest of the addresses. */
const secretText = fc
  .array(fc.constantFrom(...'0123456789ABCDEF@@@:://??##%%\\&=+ '), { minLength: 4, maxLength: 20 })
  .map((characters) => characters.join(''));

it('no part of a password is shown, in the table or in an error, whichever setting it stands in and whatever it holds', () => {
  const settings = ['DATABASE_URL', 'DATABASE_DIRECT_URL', 'STORAGE_URL', 'QUEUE_URL', 'QWEN_EDIT_URL', 'PORT', 'HOST'];
  const schemes = ['postgres://', 's3://', 'https://', 'postgres:', ''];
  const told = (environment: Record<string, string>): string => {
    try {
      return JSON.stringify(describeConfig(environment));
    } catch (thrown) {
      return thrown instanceof AppError ? `${thrown.message} ${thrown.hint}` : String(thrown);
    }
  };
  const usual = told({});
  fc.assert(
    fc.property(fc.constantFrom(...settings), fc.constantFrom(...schemes), secretText, (name, scheme, secret) => {
      const text = told({ [name]: `${scheme}user:${secret}@host/name` });
      for (let at = 0; at + 4 <= secret.length; at++) {
        const part = secret.slice(at, at + 4);
        // The table's own numbers and names are no part of the secret.
        if (!/^\d+$/.test(part) && !usual.includes(part)) expect(text).not.toContain(part);
      }
    }),
    { numRuns: 300 },
  );
});

it('a database address whose password is not escaped is refused with what to do, instead of naming another host', () => {
  for (const address of ['postgres://me:12/ss@db/x', 'postgres://me:12#ss@db/x', 'postgres://me:12?ss@db/x'])
    expect(() => readConfig({ DATABASE_URL: address }), address).toThrow(
      'write special characters of the password as %XX',
    );
  expect(readConfig({ DATABASE_URL: 'postgres://me:p@ss@db/x' }).databaseUrl).toBe('postgres://me:p@ss@db/x');
});

it('QWEN_EDIT_DTYPE is one of the precisions, or one of their other names', () => {
  expect(readConfig({ QWEN_EDIT_DTYPE: 'bf16' }).dtype).toBe('bf16');
  expect(readConfig({ QWEN_EDIT_DTYPE: 'int8' }).dtype).toBe('int8');
  expect(() => readConfig({ QWEN_EDIT_DTYPE: 'fp8' })).toThrow(
    "QWEN_EDIT_DTYPE must be one of fp32, bf16, fp16, w8a8, w8, w4, got 'fp8'.",
  );
});

it('LoRAs are read as names, places and scales, and what is none is named', () => {
  const read = readConfig({
    QWEN_EDIT_LORAS: 'sketch=/loras/s.safetensors,owner/free',
    QWEN_EDIT_LORA_DIRS: '/loras:/more',
    QWEN_EDIT_LORA: 'sketch@0.5,owner/name:a.safetensors',
  });
  expect([...(read.loras?.named ?? [])]).toEqual([['sketch', { path: '/loras/s.safetensors' }]]);
  expect(read).toMatchObject({
    loras: { repos: [{ repo: 'owner/free' }] },
    loraDirs: ['/loras', '/more'],
    fixedLoras: [
      { name: 'sketch', scale: 0.5 },
      { repo: 'owner/name', file: 'a.safetensors', scale: 1 },
    ],
  });
  expect(() => readConfig({ QWEN_EDIT_LORAS: 'sketch' })).toThrow(
    "QWEN_EDIT_LORAS is wrong: 'sketch' must be NAME=PLACE",
  );
  expect(() => readConfig({ QWEN_EDIT_LORA: 'a@9' })).toThrow('QWEN_EDIT_LORA is wrong: an entry must be at most 4');
});
