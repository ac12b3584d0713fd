import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { renderChart, valuesFile } from './chart.ts';
import { toolSuites } from './tools.ts';

/** Values that are wrong beside those of minimal.yaml, or of another set, and what the render says of them. */
const REFUSALS: readonly { readonly values: object; readonly says: string; readonly beside?: string }[] = [
  // Secrets.
  { values: { secret: { existing: { name: '' } } }, says: 'There is no secret, and no default password' },
  {
    values: { secret: { values: { DATABASE_URL: 'postgres://a@b/c' } } },
    says: 'secret.existing and secret.values are set: the secret comes from one of them.',
  },
  {
    values: { secret: { existing: { keys: { DATABASE_URL: null } } } },
    says: 'secret.existing has no DATABASE_URL, which every role needs.',
  },
  {
    values: { secret: { existing: { name: '' }, values: { HF_TOKEN: 'x' } } },
    says: 'secret.values has no DATABASE_URL, which every role needs.',
  },
  { values: { secret: { values: { DATABASE_URL: '' } } }, says: "at '/secret/values/DATABASE_URL'" },
  {
    values: { secret: { existing: { name: '' }, external: { data: { DATABASE_URL: { key: 'x' } } } } },
    says: 'secret.external.store.name does not say from which store',
  },
  {
    values: { secret: { existing: { keys: { DATABASE_PASSWORD: 'x' } } } },
    says: 'secret.existing.keys.DATABASE_PASSWORD: the chart takes DATABASE_URL,',
  },
  {
    values: { aws: { credentials: 'secret' } },
    says: 'aws.credentials is secret, and the secret has no AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
  },
  {
    values: { secret: { existing: { keys: { AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'secret' } } } },
    says: 'aws.credentials is identity, which does not use them',
  },
  {
    values: { database: { certificates: { configMap: 'a', secret: 'b' } } },
    says: 'database.certificates has a configMap and a secret',
  },
  // Queue and storage.
  {
    values: { queue: { kind: 'sqs' } },
    says: "queue.kind is sqs, and queue.sqs.url is empty: set the queue's address",
  },
  {
    values: { queue: { kind: 'sqs', sqs: { url: 'https://sqs.eu-central-1.amazonaws.com/1/jobs' } } },
    says: 'queue.sqs.deadLetterUrl is empty',
  },
  {
    values: {
      queue: {
        kind: 'sqs',
        sqs: { url: 'http://localstack:4566/0/jobs', deadLetterUrl: 'http://localstack:4566/0/dead' },
      },
    },
    says: 'The address in queue.sqs.url does not say the region',
  },
  {
    values: { queue: { sqs: { url: 'https://sqs.eu-central-1.amazonaws.com/1/jobs' } } },
    says: 'queue.sqs has an address, and queue.kind is postgres',
  },
  { values: { queue: { kind: 'kafka' } }, says: "at '/queue/kind'" },
  { values: { storage: { s3: { bucket: '' } } }, says: 'storage.kind is s3, and storage.s3.bucket is empty' },
  { values: { storage: { kind: 'file' } }, says: 'storage.s3.bucket is set, and storage.kind is file' },
  {
    values: { singleNode: false },
    says: 'storage.file.accessMode is ReadWriteOnce, which pods of one node can mount',
    beside: 'single-node',
  },
  // Workers.
  { values: { workers: { cpu: null } }, says: 'workers is empty, so that no job would ever run' },
  {
    values: { workers: { gpu: { kind: 'gpu', gpus: 0 } } },
    says: 'workers.gpu is of kind gpu and has gpus: 0: give it one, or use kind: cpu.',
  },
  { values: { workers: { gpu: { kind: 'gpu', concurrency: 2 } } }, says: 'workers.gpu.concurrency is of kind cpu' },
  {
    values: { workers: { gpu: { kind: 'gpu', resources: { limits: { 'nvidia.com/gpu': 1 } } } } },
    says: 'workers.gpu.resources.limits has nvidia.com/gpu: say it in gpus.',
  },
  { values: { workers: { gpu: {} } }, says: "at '/workers/gpu': missing property 'kind'" },
  { values: { workers: { GPU: { kind: 'gpu' } } }, says: "workers.GPU: a pool's name has 1 to 12 lower-case letters" },
  {
    values: { model: { source: 'pvc', pvc: { claim: 'models' } } },
    says: 'workers.cpu.resources is empty: say what the model needs',
  },
  // Scaling.
  {
    values: { workers: { cpu: { replicas: 2, autoscaling: { enabled: true } } } },
    says: 'workers.cpu.replicas and workers.cpu.autoscaling.enabled are both set',
  },
  {
    values: { workers: { cpu: { autoscaling: { enabled: true, minReplicas: 5 } } } },
    says: 'workers.cpu.autoscaling.minReplicas is above maxReplicas.',
  },
  {
    values: { workers: { cpu: { autoscaling: { enabled: true, triggers: ['sqs'] } } } },
    says: 'workers.cpu.autoscaling.triggers has sqs, and queue.kind is postgres: there is no queue to look at.',
  },
  {
    values: { workers: { cpu: { autoscaling: { enabled: true, triggers: ['kafka'] } } } },
    says: "at '/workers/cpu/autoscaling/triggers/0'",
  },
  {
    values: { workers: { 'gpu-big': { autoscaling: { jobsPerReplica: 9 } } } },
    says: 'jobsPerReplica is 9 for 2 engines, and the depth of SQS does not tell which pods have work',
    beside: 'sqs-gpu',
  },
  {
    values: { workers: { 'gpu-big': { autoscaling: { minWaitSeconds: 60 } } } },
    says: 'minWaitSeconds needs the trigger postgres',
    beside: 'sqs-gpu',
  },
  {
    values: { workers: { gpu: { autoscaling: { minWaitSeconds: 60 } } } },
    says: 'minWaitSeconds has no effect beside the trigger sqs',
    beside: 'sqs-gpu',
  },
  {
    values: { api: { replicas: 3, autoscaling: { enabled: true } } },
    says: 'api.replicas and api.autoscaling.enabled are both set',
  },
  {
    values: { api: { autoscaling: { enabled: true, minReplicas: 7 } } },
    says: 'api.autoscaling.minReplicas is above maxReplicas.',
  },
  {
    values: { api: { autoscaling: { enabled: true }, resources: { requests: { cpu: null } } } },
    says: 'api.autoscaling counts a share of api.resources.requests.cpu',
  },
  // Budgets.
  {
    values: { api: { pdb: { minAvailable: 2 } } },
    says: 'api.pdb.minAvailable is 2 of 2 pods, so that no node could be drained',
  },
  { values: { api: { pdb: { minAvailable: '60%' } } }, says: 'api.pdb.minAvailable is 60% of 2 pods' },
  { values: { dispatcher: { pdb: { maxUnavailable: 0 } } }, says: 'dispatcher.pdb.maxUnavailable is 0' },
  { values: { workers: { cpu: { pdb: { minAvailable: 1 } } } }, says: 'workers.cpu.pdb.minAvailable is 1 of 1 pods' },
  // The model.
  {
    values: { model: { source: 'hub', hub: { accessMode: 'ReadOnlyMany' } } },
    says: 'model.hub.accessMode is ReadOnlyMany, and a model of the hub has to be written there',
  },
  {
    values: { model: { source: 'hub', hub: { accessMode: 'ReadWriteOnce' } }, workers: { cpu: { replicas: 2 } } },
    says: 'model.hub.accessMode is ReadWriteOnce, which pods of one node can mount, and there may be 2 workers',
  },
  {
    values: { model: { source: 'hub', hub: { volume: 'pod', existingClaim: 'models' } } },
    says: 'model.hub.volume is pod, where each pod has a volume of its own',
  },
  { values: { model: { source: 'pvc' } }, says: 'model.source is pvc, and model.pvc.claim is empty' },
  { values: { model: { source: 'hostPath' } }, says: 'model.source is hostPath, and model.hostPath.path is empty' },
  { values: { model: { pvc: { claim: 'models' } } }, says: 'model.pvc.claim is set, and model.source is demo' },
  {
    values: { model: { hostPath: { path: '/models' } } },
    says: 'model.hostPath.path is set, and model.source is demo',
  },
  // Who gets in.
  {
    values: { api: { insecure: true }, ingress: { enabled: true, host: 'edit.example.org' } },
    says: 'api.insecure answers anybody, and ingress.enabled lets others in',
  },
  {
    values: { api: { insecure: true, service: { type: 'LoadBalancer' } } },
    says: 'api.insecure answers anybody, and api.service.type LoadBalancer lets others in',
  },
  {
    values: { api: { insecure: true }, networkPolicy: { enabled: false } },
    says: 'every pod of the cluster could use the API',
  },
  { values: { ingress: { enabled: true } }, says: 'ingress.enabled, and ingress.host is empty' },
  { values: { api: { service: { type: 'NodePort' } } }, says: 'api.service.type is NodePort, and publicUrl is empty' },
  {
    values: {
      ingress: { enabled: true, host: 'a.org' },
      gateway: { enabled: true, host: 'a.org', parents: [{ name: 'a' }] },
    },
    says: 'ingress.enabled and gateway.enabled are both set: one of them leads to the API.',
  },
  { values: { gateway: { enabled: true, host: 'a.org' } }, says: 'gateway.host or gateway.parents is empty' },
  {
    values: { api: { insecure: true }, gateway: { enabled: true, host: 'a.org', parents: [{ name: 'a' }] } },
    says: 'api.insecure answers anybody, and gateway.enabled lets others in',
  },
  // Migrations.
  {
    values: { migrate: { waitSeconds: 900 } },
    says: 'migrate.activeDeadlineSeconds is not above migrate.waitSeconds',
  },
  // Names.
  {
    values: { settings: { QWEN_EDIT_MAX_QEUE: 5 } },
    says: 'settings.QWEN_EDIT_MAX_QEUE: this version has no such setting.',
  },
  {
    values: { workers: { cpu: { settings: { STORAGE_URL: 's3://other' } } } },
    says: 'workers.cpu.settings.STORAGE_URL: this is decided by storage.',
  },
  {
    values: { defaults: { extraEnv: [{ name: 'DATABASE_URL', value: 'x' }] } },
    says: 'extraEnv has DATABASE_URL, which the chart or `settings` sets already',
  },
  { values: { wrokers: {} }, says: "additional properties 'wrokers' not allowed" },
  { values: { api: { replica: 2 } }, says: "at '/api': additional properties 'replica' not allowed" },
  {
    values: { fullnameOverride: 'a-name-of-more-than-forty-letters-is-too-long' },
    says: 'is longer than 40 letters: set fullnameOverride.',
  },
];

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qwen-edit-values-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe.each(await toolSuites(['helm'], ['the chart']))('%s refuses', () => {
  it.each(REFUSALS.map((each, n) => ({ ...each, name: `${n}: ${each.says}` })))(
    '$name',
    async ({ values, says, beside = 'minimal' }) => {
      const file = join(folder, 'wrong.yaml');
      await writeFile(file, stringify(values));
      const said = await renderChart(valuesFile(beside), '--values', file).then(
        () => 'It renders.',
        (thrown: Error) => thrown.message,
      );
      expect(said).toContain(says);
    },
  );

  it('all that is wrong at once', async () => {
    const file = join(folder, 'several.yaml');
    await writeFile(
      file,
      stringify({ queue: { kind: 'sqs' }, storage: { s3: { bucket: '' } }, workers: { cpu: null } }),
    );
    const said = await renderChart(valuesFile('minimal'), '--values', file).catch((thrown: Error) => thrown.message);
    for (const each of ['queue.sqs.url is empty', 'storage.s3.bucket is empty', 'workers is empty'])
      expect(said).toContain(each);
  });
});
