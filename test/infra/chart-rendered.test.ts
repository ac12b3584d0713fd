import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { unknownSettings } from '../../apps/cli/src/config.ts';
import { VARIABLES } from '../../apps/cli/src/settings.ts';
import { CONTRACT_VERSION } from '../../packages/contract/src/index.ts';
import { CHART, type KubeObject, objectNamed, objectsOf, podOf, renderChart, VALUE_SETS, valuesFile } from './chart.ts';
import { KUBE_SCHEMAS, runInfraTool, toolSuites } from './tools.ts';

const read = (path: string): Promise<string> => readFile(join(CHART, path), 'utf8');
const SETTINGS: ReadonlySet<string> = new Set(Object.values(VARIABLES));
/** Variables of the AWS SDK and of Node, which pods may have too. */
const OF_OTHERS = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'NODE_EXTRA_CA_CERTS', 'NODE_IP'];

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qwen-edit-chart-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Rules and dashboards are copies, which chart-files.test.ts compares: here they would only repeat what they are. */
const isCopied = ({ kind, metadata }: KubeObject): boolean =>
  kind === 'PrometheusRule' || (kind === 'ConfigMap' && metadata.name.includes('-dashboard-'));
const withoutCopies = (rendered: string): string =>
  rendered
    .split(/^---\n/m)
    .filter((document) => !objectsOf(document).some(isCopied))
    .map((document) => document.trimEnd())
    .filter((document) => document !== '')
    .map((document) => `---\n${document}\n`)
    .join('');

describe.each(await toolSuites(['helm', 'kubeconform'], VALUE_SETS))('the chart with %s.yaml', (name) => {
  let rendered = '';
  let objects: readonly KubeObject[] = [];
  beforeAll(async () => {
    rendered = await renderChart(valuesFile(name));
    objects = objectsOf(rendered);
  });

  it('passes helm lint --strict', async () => {
    expect(await runInfraTool('helm', ['lint', '--strict', CHART, '--values', valuesFile(name)])).toContain(
      '0 chart(s) failed',
    );
  });

  it('gives the objects that were looked at', async () => {
    await expect(withoutCopies(rendered)).toMatchFileSnapshot(`chart/rendered/${name}.yaml`);
  });

  it('has no field that Kubernetes or an operator does not know', async () => {
    const file = join(folder, `${name}.yaml`);
    await writeFile(file, rendered);
    const schemas =
      KUBE_SCHEMAS === undefined
        ? [
            'default',
            'https://raw.githubusercontent.com/datreeio/CRDs-catalog/main/{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json',
          ]
        : [join(KUBE_SCHEMAS, '{{.ResourceKind}}{{.KindSuffix}}.json')];
    const flags = schemas.flatMap((each) => ['-schema-location', each]);
    const summary = await runInfraTool('kubeconform', ['-strict', '-summary', '-output', 'json', ...flags, file]);
    expect(JSON.parse(summary).summary).toEqual({ valid: objects.length, invalid: 0, errors: 0, skipped: 0 });
  });

  it('sets no variable that the program does not know', () => {
    const entries = objects.flatMap((each) => {
      const spec = podOf(each)?.spec;
      return [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].flatMap(({ env = [] }) => env);
    });
    expect(entries.length).toBeGreaterThan(5);
    const names = entries.map((entry) => entry.name).filter((variable) => !OF_OTHERS.includes(variable));
    expect(names.filter((variable) => !SETTINGS.has(variable))).toEqual([]);
    // The same as the program itself sees it, which would warn at each start.
    expect(unknownSettings(Object.fromEntries(names.map((variable) => [variable, 'x'])))).toEqual([]);
  });

  it('gives a worker more time to end than its jobs may take, and time to give them back', () => {
    const workers = objects.filter(
      (each) => each.metadata.labels?.['app.kubernetes.io/component'] === 'worker' && each.kind === 'Deployment',
    );
    expect(workers.length).toBeGreaterThan(0);
    for (const worker of workers) {
      const { terminationGracePeriodSeconds = 30, containers } = podOf(worker)!.spec;
      const grace = containers[0]!.env!.find((each) => each.name === 'QWEN_EDIT_GRACE_SECONDS')!.value;
      expect(terminationGracePeriodSeconds).toBeGreaterThan(Number(grace) + 5);
    }
  });

  it('migrates before anything else is there, with an account, a secret and a policy of its own', () => {
    const hooks = objects.filter((each) => each.metadata.annotations?.['helm.sh/hook'] === 'pre-install,pre-upgrade');
    const weight = (each: KubeObject): number => Number(each.metadata.annotations!['helm.sh/hook-weight']);
    const job = hooks.find((each) => each.kind === 'Job')!;
    const before = hooks.filter((each) => weight(each) < weight(job));
    const { serviceAccountName, containers } = podOf(job)!.spec;
    expect(before.filter((each) => each.kind === 'ServiceAccount').map((each) => each.metadata.name)).toEqual([
      serviceAccountName,
    ]);
    const secrets = new Set(containers[0]!.env!.flatMap(({ valueFrom }) => valueFrom?.secretKeyRef?.name ?? []));
    expect(secrets.size).toBe(1);
    const [secret] = secrets;
    const made = objects.filter(
      (each) => ['Secret', 'ExternalSecret'].includes(each.kind) && each.metadata.name === secret,
    );
    // One that exists already, or one that is made by a hook before.
    for (const each of made) expect(before).toContain(each);
    if (made.length === 0) expect(secret).toBe('qwen-edit');
    // It sees nothing but the database.
    expect(
      containers[0]!
        .env!.map((each) => each.name)
        .filter((variable) => !/^(DATABASE|QWEN_EDIT_MIGRATE)_/.test(variable)),
    ).toEqual(name === 'everything' ? ['NODE_EXTRA_CA_CERTS'] : []);
  });

  it('closes each pod: no root, nothing to write to but volumes, no capability, no token of the API server', () => {
    const pods = objects.flatMap((each) => podOf(each) ?? []);
    expect(pods.length).toBeGreaterThan(3);
    for (const { spec } of pods) {
      expect(spec).toMatchObject({
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      });
      for (const container of [...spec.containers, ...(spec.initContainers ?? [])])
        expect(container).toMatchObject({
          terminationMessagePolicy: 'FallbackToLogsOnError',
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
        });
    }
  });

  it('asks each role for its health where it answers', () => {
    const ports = { api: 7860, dispatcher: 9464, worker: 9464 };
    for (const [role, port] of Object.entries(ports)) {
      const deployment = objects.find(
        (each) => each.kind === 'Deployment' && podOf(each)?.spec.containers[0]?.name === role,
      )!;
      expect(podOf(deployment)!.spec.containers[0]).toMatchObject({
        args: [role],
        ports: [{ containerPort: port }],
        livenessProbe: { httpGet: { path: '/livez', port } },
        readinessProbe: { httpGet: { path: role === 'api' ? '/readyz' : '/livez', port } },
      });
    }
  });

  it('lets a Deployment with a scaler keep its number of pods through an upgrade', () => {
    const scalers = objects.filter((each) => ['ScaledObject', 'HorizontalPodAutoscaler'].includes(each.kind));
    for (const { spec } of scalers) {
      const target = (spec!.scaleTargetRef as { name: string }).name;
      expect(objectNamed(objects, 'Deployment', target).spec).not.toHaveProperty('replicas');
    }
  });
});

it.each(await toolSuites(['helm'], ['sqs-gpu']))('%s: each role has only the secrets that it reads', async (name) => {
  const objects = objectsOf(await renderChart(valuesFile(name)));
  const secretsOf = (deployment: string): string[] =>
    podOf(objectNamed(objects, 'Deployment', deployment))!
      .spec.containers[0]!.env!.filter(({ valueFrom }) => valueFrom !== undefined)
      .map((each) => each.name);
  expect(secretsOf('qwen-edit-api')).toEqual(['DATABASE_URL']);
  expect(secretsOf('qwen-edit-dispatcher')).toEqual(['DATABASE_URL', 'QWEN_EDIT_WEBHOOK_SECRET']);
  expect(secretsOf('qwen-edit-worker-gpu')).toEqual(['DATABASE_URL', 'HF_TOKEN']);
});

it.each(await toolSuites(['helm'], ['sqs-gpu']))('%s: a pod of a GPU pool asks for its cards', async (name) => {
  const objects = objectsOf(await renderChart(valuesFile(name)));
  const pod = podOf(objectNamed(objects, 'Deployment', 'qwen-edit-worker-gpu-big'))!.spec;
  expect(pod.containers[0]!.resources!.limits).toEqual({ 'nvidia.com/gpu': 2, memory: '128Gi' });
  expect(pod.containers[0]!.image).toContain('/qwen-edit-worker-cuda:');
  const usual = podOf(objectNamed(objects, 'Deployment', 'qwen-edit-worker-gpu'))!.spec;
  expect(usual.tolerations).toEqual([{ key: 'nvidia.com/gpu', operator: 'Exists', effect: 'NoSchedule' }]);
});

it.each(await toolSuites(['helm'], ['air-gapped', 'scale-to-zero']))(
  '%s: workers only read the model, and look at it before they start',
  async (name) => {
    const objects = objectsOf(await renderChart(valuesFile(name)));
    const pod = podOf(objectNamed(objects, 'Deployment', 'qwen-edit-worker-gpu'))!.spec;
    for (const { volumeMounts } of [...pod.containers, ...pod.initContainers!])
      expect(volumeMounts).toContainEqual({ name: 'models', mountPath: '/models', readOnly: true });
    expect(pod.initContainers!.map(({ args }) => args.slice(0, 3))).toEqual([['model', 'verify', '--quick']]);
  },
);

it.each(await toolSuites(['helm'], ['everything']))(
  '%s: whoever reads a large number finds it as it was written',
  async (name) => {
    const flags = [
      '--set',
      'api.settings.QWEN_EDIT_MAX_UNUSED_BYTES=2000000000,api.settings.QWEN_EDIT_DECODE_SECONDS=1.5',
    ];
    const rendered = await renderChart(valuesFile(name), ...flags);
    const { env = [] } = podOf(objectNamed(objectsOf(rendered), 'Deployment', 'pictures-api'))!.spec.containers[0]!;
    expect(env).toContainEqual({ name: 'QWEN_EDIT_MAX_UNUSED_BYTES', value: '2000000000' });
    expect(env).toContainEqual({ name: 'QWEN_EDIT_DECODE_SECONDS', value: '1.5' });
    expect(env).toContainEqual({ name: 'QWEN_EDIT_LOG_LEVEL', value: 'debug' });
  },
);

it('the chart knows each setting of the program: free for `settings`, or decided by another value', async () => {
  const { free, decided } = parse(await read('files/settings.yaml')) as {
    free: string[];
    decided: Record<string, string>;
  };
  expect([...free, ...Object.keys(decided)].sort()).toEqual([...SETTINGS].sort());
});

it('the scaler counts what workers of this version understand', async () => {
  expect(await read('templates/_scaler-query.tpl')).toContain(
    `{{- define "qwen-edit.contractVersion" -}}${CONTRACT_VERSION}{{- end -}}`,
  );
});

it('the chart is of the version of the program', async () => {
  const { appVersion } = parse(await read('Chart.yaml')) as { appVersion: string };
  const { version } = JSON.parse(await readFile(join(CHART, '../../../package.json'), 'utf8')) as { version: string };
  expect(appVersion).toBe(version);
});
