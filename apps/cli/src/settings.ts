import { hasMisplacedAt, loraListSchema, PRECISION_NAMES, parsePrecision, toAppError } from '@qwen-edit/contract';
import { parseAllowedLoras, parseLoraDirs } from '@qwen-edit/hub/lora-settings';
import { isModelRef } from '@qwen-edit/hub/model-ref';
import { z } from 'zod';
import { parseEngines } from './devices/parse-engines.ts';
import { bytesOf } from './plan/byte-size.ts';

const text = z.string();
const wholeNumber = (min: number, max: number) =>
  text
    .trim()
    .regex(/^[+-]?\d{1,12}$/, 'is not a whole number')
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must lie between ${min} and ${max}`);
const seconds = (min: number, max: number) =>
  text
    .trim()
    .regex(/^\d{1,9}(\.\d{1,3})?$/, 'is not a number of seconds')
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must lie between ${min} and ${max}`)
    .transform((value) => Math.round(value * 1000));
const secondsList = text
  .trim()
  .regex(/^\d+(\.\d{1,3})?(,\s*\d+(\.\d{1,3})?)*$/, 'is not a list of seconds, as 5,300,1800')
  .transform((list) => list.split(',').map((each) => Math.round(Number(each) * 1000)));
const flag = text
  .trim()
  .toLowerCase()
  .refine((value) => ['0', '1', 'true', 'false', 'yes', 'no', 'on', 'off'].includes(value), 'must be 1 or 0')
  .transform((value) => ['1', 'true', 'yes', 'on'].includes(value));
const url = (protocols: RegExp, example: string) =>
  text.trim().refine((value) => protocols.test(value) && URL.canParse(value), `is not an address such as ${example}`);
/** A password with an unescaped `/`, `?` or `#` would be taken for a host, and the rest of it for a name to connect to. */
const postgresUrl = url(/^postgres(ql)?:\/\//i, 'postgres://user:password@host/name').refine(
  (value) => !hasMisplacedAt(value),
  'has an @ behind the host: write special characters of the password as %XX',
);
const httpUrl = url(/^https?:\/\//i, 'https://edit.example.org').transform((value) => value.replace(/\/+$/, ''));
const proxyUrl = url(/^https?:\/\//i, 'http://proxy.example.org:3128').refine(
  (value) => !hasMisplacedAt(value),
  'has an @ behind the host: write special characters of the password as %XX',
);
const hostNames = text
  .trim()
  .toLowerCase()
  .transform((list) => list.split(',').map((name) => name.trim().replace(/\.$/, '')))
  .refine(
    (names) => names.every((name) => /^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63}){0,10}$/.test(name)),
    'is not a list of host names without ports, as edit.example.org,edit.local',
  );

const byteSize = text.transform((value, context) => {
  const bytes = bytesOf(value);
  if (bytes === undefined) context.addIssue({ code: 'custom', message: 'must be a size such as 16GiB' });
  return bytes ?? z.NEVER;
});

/** The name of a precision, or one of its other names. */
const precisionName = text.trim().refine(
  (name) => {
    try {
      return parsePrecision(name) !== undefined;
    } catch {
      return false;
    }
  },
  `must be one of ${PRECISION_NAMES.join(', ')}`,
);

const gibibytes = text
  .trim()
  .regex(/^\d{1,6}(\.\d{1,3})?$/, 'is not a number of GiB, as 6 or 1.5')
  .transform(Number);

const engines = text.transform((value, context) => {
  try {
    return parseEngines(value);
  } catch (thrown) {
    context.addIssue({ code: 'custom', message: `is wrong: ${toAppError(thrown).message.replace(/\.$/, '')}` });
    return z.NEVER;
  }
});

const allowedLoras = text.transform((value, context) => {
  try {
    return parseAllowedLoras(value);
  } catch (thrown) {
    context.addIssue({ code: 'custom', message: `is wrong: ${toAppError(thrown).message.replace(/\.$/, '')}` });
    return z.NEVER;
  }
});

const fixedLoras = text.transform((value, context) => {
  const parsed = loraListSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  context.addIssue({ code: 'custom', message: `is wrong: an entry ${parsed.error.issues[0]?.message}` });
  return z.NEVER;
});

const DAY = 86_400;

/**
 * Every setting: how its text is read, and its default. Times end up in milliseconds.
 * A name that is not here has no effect.
 */
export const settingsSchema = z.object({
  // What it runs on.
  databaseUrl: postgresUrl.optional(),
  databaseDirectUrl: postgresUrl.optional(),
  databasePoolSize: wholeNumber(1, 1000).prefault('10'),
  migrateLockMs: seconds(0.01, 60).prefault('2'),
  migrateWaitMs: seconds(0, DAY).prefault('600'),
  storageUrl: url(/^(s3:\/\/|file:)/i, 's3://bucket/prefix or file:folder').optional(),
  queueUrl: text
    .trim()
    .regex(/^(postgres:.*|https?:\/\/.+)$/i, 'is neither postgres: nor the https address of an SQS queue')
    .prefault('postgres:'),
  queueDlqUrl: httpUrl.optional(),
  s3Endpoint: httpUrl.optional(),
  s3PublicEndpoint: httpUrl.optional(),
  s3ForcePathStyle: flag.optional(),
  sqsEndpoint: httpUrl.optional(),
  region: text.optional(),
  dataDir: text.prefault('.qwen-edit'),

  // The API.
  host: text.trim().prefault('127.0.0.1'),
  port: wholeNumber(0, 65_535).prefault('7860'),
  publicUrl: httpUrl.optional(),
  allowedHosts: hostNames.optional(),
  insecure: flag.prefault('0'),
  maxQueue: wholeNumber(0, 1_000_000_000).optional(),
  maxAttempts: wholeNumber(1, 100).prefault('3'),
  deadlineMs: seconds(1, 3650 * DAY).optional(),
  maxBodyBytes: wholeNumber(1, 10_000_000_000).prefault('100000000'),
  maxUnusedBytes: wholeNumber(0, 999_999_999_999).prefault('2000000000'),
  maxPixels: wholeNumber(1, 100_000_000).prefault('50000000'),
  decodeMs: seconds(1, 120).prefault('20'),
  allowPrivateUrls: flag.prefault('0'),
  keepAliveMs: seconds(1, 3600).prefault('75'),
  drainMs: seconds(0, 3600).prefault('0'),
  outputDir: text.optional(),

  // Workers.
  modelDir: text.optional(),
  model: text.trim().refine(isModelRef, 'is no name of a model such as Qwen/Qwen-Image-Edit-2511').optional(),
  devices: engines.optional(),
  forceCpu: flag.prefault('0'),
  minFreeGib: gibibytes.prefault('6'),
  gpuHeadroomGib: gibibytes.optional(),
  gpu0ExtraHeadroomGib: gibibytes.optional(),
  cudaVisibleDevices: text.optional(),
  cudaDeviceOrder: text.optional(),
  dtype: precisionName.optional(),
  maxConcurrency: wholeNumber(1, 64).prefault('1'),
  maxCpuThreads: wholeNumber(1, 1024).optional(),
  nice: wholeNumber(-39, 39).optional(),
  maxMemoryBytes: byteSize.optional(),
  weightCacheDir: text.optional(),
  loras: allowedLoras.optional(),
  loraDirs: text.transform(parseLoraDirs).optional(),
  fixedLoras: fixedLoras.optional(),
  eagerLoad: flag.prefault('1'),
  leaseMs: seconds(1, DAY).prefault('30'),
  orderPollMs: seconds(0.02, 60).prefault('0.5'),
  graceMs: seconds(0, DAY).optional(),
  retryFirstMs: seconds(0.01, DAY).prefault('1'),
  retryMaxMs: seconds(0.01, DAY).prefault('60'),
  previewEvery: wholeNumber(0, 100).prefault('2'),
  engineSilenceMs: seconds(1, DAY).prefault('600'),
  cancelGraceMs: seconds(0.1, 3600).prefault('10'),
  engineProgram: text.optional(),
  selfTestHours: wholeNumber(0, 8760).prefault('24'),
  encodingCacheBytes: wholeNumber(0, 999_999_999_999).prefault('1000000000'),

  // The dispatcher.
  reapMs: seconds(0.05, 3600).prefault('5'),
  resendMs: seconds(0.5, DAY).prefault('120'),
  webhookSecret: text.optional(),
  webhookRetryMs: secondsList.prefault('5,300,1800,7200,18000,36000'),
  webhookTimeoutMs: seconds(0.1, 120).prefault('15'),
  retentionMs: seconds(1, 3650 * DAY).prefault(String(30 * DAY)),
  unusedMs: seconds(1, 3650 * DAY).prefault(String(DAY)),
  orphanMs: seconds(1, 3650 * DAY).prefault('3600'),
  sweepMs: seconds(0.1, DAY).prefault('300'),

  // The hub that models are downloaded from. The names are those of Python's huggingface_hub.
  hubEndpoint: httpUrl.optional(),
  hubToken: text
    .trim()
    .regex(/^[\x21-\x7e]+$/, 'is no token')
    .optional(),
  hubTokenPath: text.optional(),
  hubOffline: flag.prefault('0'),
  hubCacheDir: text.optional(),
  hubCacheDirFormer: text.optional(),
  hubHome: text.optional(),
  userCacheDir: text.optional(),
  httpProxy: proxyUrl.optional(),
  httpProxyLower: proxyUrl.optional(),
  httpsProxy: proxyUrl.optional(),
  httpsProxyLower: proxyUrl.optional(),
  noProxy: text.optional(),
  noProxyLower: text.optional(),

  // All of them.
  metricsPort: wholeNumber(0, 65_535).optional(),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).prefault('info'),
  noColor: text.optional().transform((value) => value !== undefined),

  // Commands that call a service.
  serviceUrl: httpUrl.optional(),
  apiKey: text.optional(),
});

export type Config = z.output<typeof settingsSchema>;
export type Setting = keyof Config;

/** The environment variable of each setting. The guide's names keep their meaning. */
export const VARIABLES: Readonly<Record<Setting, string>> = {
  databaseUrl: 'DATABASE_URL',
  databaseDirectUrl: 'DATABASE_DIRECT_URL',
  databasePoolSize: 'DATABASE_POOL_SIZE',
  migrateLockMs: 'QWEN_EDIT_MIGRATE_LOCK_SECONDS',
  migrateWaitMs: 'QWEN_EDIT_MIGRATE_WAIT_SECONDS',
  storageUrl: 'STORAGE_URL',
  queueUrl: 'QUEUE_URL',
  queueDlqUrl: 'QUEUE_DLQ_URL',
  s3Endpoint: 'AWS_ENDPOINT_URL_S3',
  s3PublicEndpoint: 'QWEN_EDIT_S3_PUBLIC_URL',
  s3ForcePathStyle: 'S3_FORCE_PATH_STYLE',
  sqsEndpoint: 'AWS_ENDPOINT_URL_SQS',
  region: 'AWS_REGION',
  dataDir: 'QWEN_EDIT_DATA_DIR',
  host: 'HOST',
  port: 'PORT',
  publicUrl: 'QWEN_EDIT_PUBLIC_URL',
  allowedHosts: 'QWEN_EDIT_ALLOWED_HOSTS',
  insecure: 'QWEN_EDIT_INSECURE',
  maxQueue: 'QWEN_EDIT_MAX_QUEUE',
  maxAttempts: 'QWEN_EDIT_MAX_ATTEMPTS',
  deadlineMs: 'QWEN_EDIT_DEADLINE_SECONDS',
  maxBodyBytes: 'QWEN_EDIT_MAX_BODY_BYTES',
  maxUnusedBytes: 'QWEN_EDIT_MAX_UNUSED_BYTES',
  maxPixels: 'QWEN_EDIT_MAX_PIXELS',
  decodeMs: 'QWEN_EDIT_DECODE_SECONDS',
  allowPrivateUrls: 'QWEN_EDIT_ALLOW_PRIVATE_URLS',
  keepAliveMs: 'QWEN_EDIT_KEEP_ALIVE_SECONDS',
  drainMs: 'QWEN_EDIT_DRAIN_SECONDS',
  outputDir: 'QWEN_EDIT_OUTPUT_DIR',
  modelDir: 'QWEN_EDIT_2511_DIR',
  model: 'QWEN_EDIT_MODEL',
  devices: 'QWEN_EDIT_DEVICES',
  forceCpu: 'QWEN_EDIT_FORCE_CPU',
  minFreeGib: 'QWEN_EDIT_MIN_FREE_GIB',
  gpuHeadroomGib: 'QWEN_EDIT_GPU_HEADROOM_GIB',
  gpu0ExtraHeadroomGib: 'QWEN_EDIT_GPU0_EXTRA_HEADROOM_GIB',
  cudaVisibleDevices: 'CUDA_VISIBLE_DEVICES',
  cudaDeviceOrder: 'CUDA_DEVICE_ORDER',
  dtype: 'QWEN_EDIT_DTYPE',
  maxConcurrency: 'QWEN_EDIT_MAX_CONCURRENCY',
  maxCpuThreads: 'QWEN_EDIT_MAX_CPU_THREADS',
  nice: 'QWEN_EDIT_NICE',
  maxMemoryBytes: 'QWEN_EDIT_CPU_MAX_MEMORY',
  weightCacheDir: 'QWEN_EDIT_OFFLOAD_FOLDER',
  loras: 'QWEN_EDIT_LORAS',
  loraDirs: 'QWEN_EDIT_LORA_DIRS',
  fixedLoras: 'QWEN_EDIT_LORA',
  eagerLoad: 'QWEN_EDIT_EAGER_LOAD',
  leaseMs: 'QWEN_EDIT_LEASE_SECONDS',
  orderPollMs: 'QWEN_EDIT_ORDER_POLL_SECONDS',
  graceMs: 'QWEN_EDIT_GRACE_SECONDS',
  retryFirstMs: 'QWEN_EDIT_RETRY_SECONDS',
  retryMaxMs: 'QWEN_EDIT_RETRY_MAX_SECONDS',
  previewEvery: 'QWEN_EDIT_PREVIEW_EVERY',
  engineSilenceMs: 'QWEN_EDIT_ENGINE_SILENCE_SECONDS',
  cancelGraceMs: 'QWEN_EDIT_CANCEL_GRACE_SECONDS',
  engineProgram: 'QWEN_EDIT_ENGINE_PROGRAM',
  selfTestHours: 'QWEN_EDIT_SELFTEST_HOURS',
  encodingCacheBytes: 'QWEN_EDIT_ENCODING_CACHE_BYTES',
  reapMs: 'QWEN_EDIT_REAP_SECONDS',
  resendMs: 'QWEN_EDIT_RESEND_SECONDS',
  webhookSecret: 'QWEN_EDIT_WEBHOOK_SECRET',
  webhookRetryMs: 'QWEN_EDIT_WEBHOOK_RETRY_SECONDS',
  webhookTimeoutMs: 'QWEN_EDIT_WEBHOOK_TIMEOUT_SECONDS',
  retentionMs: 'QWEN_EDIT_RETENTION_SECONDS',
  unusedMs: 'QWEN_EDIT_UNUSED_SECONDS',
  orphanMs: 'QWEN_EDIT_ORPHAN_SECONDS',
  sweepMs: 'QWEN_EDIT_SWEEP_SECONDS',
  hubEndpoint: 'HF_ENDPOINT',
  hubToken: 'HF_TOKEN',
  hubTokenPath: 'HF_TOKEN_PATH',
  hubOffline: 'HF_HUB_OFFLINE',
  hubCacheDir: 'HF_HUB_CACHE',
  hubCacheDirFormer: 'HUGGINGFACE_HUB_CACHE',
  hubHome: 'HF_HOME',
  userCacheDir: 'XDG_CACHE_HOME',
  httpProxy: 'HTTP_PROXY',
  httpProxyLower: 'http_proxy',
  httpsProxy: 'HTTPS_PROXY',
  httpsProxyLower: 'https_proxy',
  noProxy: 'NO_PROXY',
  noProxyLower: 'no_proxy',
  metricsPort: 'QWEN_EDIT_METRICS_PORT',
  logLevel: 'QWEN_EDIT_LOG_LEVEL',
  noColor: 'NO_COLOR',
  serviceUrl: 'QWEN_EDIT_URL',
  apiKey: 'QWEN_EDIT_API_KEY',
};

/** Settings that are addresses: of one that is malformed no more than its scheme is shown. */
export const ADDRESSES: ReadonlySet<Setting> = new Set([
  ...(['databaseUrl', 'databaseDirectUrl', 'storageUrl', 'queueUrl', 'queueDlqUrl'] as const),
  ...(['s3Endpoint', 's3PublicEndpoint', 'sqsEndpoint', 'publicUrl', 'serviceUrl', 'hubEndpoint'] as const),
  ...(['httpProxy', 'httpProxyLower', 'httpsProxy', 'httpsProxyLower'] as const),
]);

/** Variables of others that mean something if they are empty: no card is visible then. */
export const MAY_BE_EMPTY: ReadonlySet<string> = new Set([VARIABLES.cudaVisibleDevices]);

/** Settings whose value is never shown. */
export const SECRETS: ReadonlySet<Setting> = new Set(['webhookSecret', 'apiKey', 'hubToken']);
