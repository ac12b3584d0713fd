import { expect, it } from 'vitest';
import { describeConfig, readConfig, unknownSettings } from './config.ts';

const nearestTo = (variable: string): string | undefined => {
  const found = unknownSettings({ [variable]: 'x' });
  expect(found.map((each) => each.variable)).toEqual([variable]);
  return found[0]?.nearest;
};

it.each([
  ['QWEN_EDIT_MAX_QEUE', 'QWEN_EDIT_MAX_QUEUE'],
  ['QWEN_EDIT_QUEUE_MAX', 'QWEN_EDIT_MAX_QUEUE'],
  ['qwen_edit_max_queue', 'QWEN_EDIT_MAX_QUEUE'],
  ['QWEN_EDTI_MAX_QUEUE', 'QWEN_EDIT_MAX_QUEUE'],
  ['QWEN_EDIT_2512_DIR', 'QWEN_EDIT_2511_DIR'],
  ['QWEN_EDIT_LEASE_SECOND', 'QWEN_EDIT_LEASE_SECONDS'],
  ['QWEN_EDIT_DATABASE_ULR', 'DATABASE_URL'],
  ['QWEN_EDIT_PORT', 'PORT'],
  ['DATABASE_ULR', 'DATABASE_URL'],
  ['STORAGE_URI', 'STORAGE_URL'],
  ['QUEUE_DLQ_ULR', 'QUEUE_DLQ_URL'],
  ['S3_FORCE_PATHSTYLE', 'S3_FORCE_PATH_STYLE'],
  ['AWS_ENDPOIN_URL_S3', 'AWS_ENDPOINT_URL_S3'],
])('%s is named with the nearest setting, %s', (variable, nearest) => {
  expect(nearestTo(variable)).toBe(nearest);
});

it('a variable of ours that is near to none is named all the same', () => {
  expect(nearestTo('QWEN_EDIT_TORCH_COMPILE_KERNELS')).toBeUndefined();
  expect(nearestTo('QWEN_EDIT_GPU')).toBeUndefined();
});

it('what others set is not complained about', () => {
  const environment = {
    ...{ PATH: '/bin', HOSTS: 'x', POST: '1', PORTS: '1', HOME: '/', HF_HOME: '/models', CUDA_VISIBLE_DEVICES: '0' },
    ...{ AWS_ENDPOINT_URL: 'x', AWS_ENDPOINT_URL_SNS: 'x', AWS_PROFILE: 'x', AWS_DEFAULT_REGION: 'x' },
    // A second database of somebody's, beside ours.
    ...{ DATABASE_URL: 'postgres://a/b', DATABASE_URL2: 'postgres://a/c' },
    QWEN_EDIT_MAX_QEUE: '',
    // Of these tests themselves.
    QWEN_EDIT_TEST_TOOLS: '/tools',
  };
  expect(unknownSettings(environment)).toEqual([]);
});

it('what Kubernetes sets for services named qwen-edit is neither a setting nor complained about', () => {
  const environment = {
    QWEN_EDIT_SERVICE_HOST: '10.0.0.7',
    QWEN_EDIT_SERVICE_PORT: '7860',
    QWEN_EDIT_SERVICE_PORT_HTTP: '7860',
    QWEN_EDIT_PORT: 'tcp://10.0.0.7:7860',
    QWEN_EDIT_PORT_7860_TCP: 'tcp://10.0.0.7:7860',
    QWEN_EDIT_PORT_7860_TCP_ADDR: '10.0.0.7',
    QWEN_EDIT_METRICS_PORT: 'tcp://10.0.0.8:9090',
  };
  expect(unknownSettings(environment)).toEqual([]);
  expect(readConfig(environment).metricsPort).toBeUndefined();
});

it('all wrong values are told at once, and the unknown ones are in the printed table', () => {
  const environment = { PORT: 'x', QWEN_EDIT_MAX_CPU_THREADS: '0', QWEN_EDIT_API_KEI: 'hidden', STORAGE_URL: '/tmp' };
  let message = '';
  try {
    readConfig(environment);
  } catch (thrown) {
    message = String(thrown);
    expect(thrown).toMatchObject({
      code: 'usage',
      hint: 'Correct or unset STORAGE_URL, PORT, QWEN_EDIT_MAX_CPU_THREADS.',
    });
  }
  expect(message.split('\n').map((line) => line.replace(/^AppError: /, '').split(' ')[0])).toEqual([
    'STORAGE_URL',
    'PORT',
    'QWEN_EDIT_MAX_CPU_THREADS',
  ]);
  const shown = describeConfig({ QWEN_EDIT_API_KEI: 'hidden' });
  expect(shown.at(-1)).toEqual({
    ...{ variable: 'QWEN_EDIT_API_KEI', value: '********', origin: 'unknown', nearest: 'QWEN_EDIT_API_KEY' },
  });
});
