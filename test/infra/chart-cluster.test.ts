import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHART, objectsOf, podOf, renderChart, VALUE_SETS, valuesFile } from './chart.ts';
import { clusterSuites, KUBECONFIG, runInfraTool, TOOLS_FOLDER } from './tools.ts';

const CLUSTER = ['--kubeconfig', KUBECONFIG ?? ''];
const kubectl = (...args: readonly string[]): Promise<string> => runInfraTool('kubectl', [...CLUSTER, ...args]);
const helm = (...args: readonly string[]): Promise<string> => runInfraTool('helm', [...args, ...CLUSTER]);

/** A namespace in which Pod Security lets in nothing but what is `restricted`, and warns of anything else. */
const namespace = `qwen-edit-chart-${randomBytes(4).toString('hex')}`;
let folder = '';
const suites = await clusterSuites(VALUE_SETS);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qwen-edit-chart-'));
  if (suites.length === 0) return;
  await kubectl('apply', '--server-side', '--recursive', '-f', join(TOOLS_FOLDER, 'crds'));
  await kubectl('wait', '--for=condition=Established', 'crd', '--all', '--timeout=300s');
  await kubectl('create', 'namespace', namespace);
  const labels = ['enforce=restricted', 'enforce-version=latest', 'warn=restricted', 'warn-version=latest'];
  await kubectl('label', 'namespace', namespace, ...labels.map((each) => `pod-security.kubernetes.io/${each}`));
  // Pods are refused whose classes are not there.
  const classes = [
    { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name: 'pictures' }, value: 1000 },
    { apiVersion: 'node.k8s.io/v1', kind: 'RuntimeClass', metadata: { name: 'nvidia' }, handler: 'nvidia' },
  ];
  await kubectl('apply', '--server-side', '-f', await fileOf({ apiVersion: 'v1', kind: 'List', items: classes }));
});
afterAll(async () => {
  if (suites.length > 0) await kubectl('delete', 'namespace', namespace, '--wait=false');
  await rm(folder, { recursive: true });
});

async function fileOf(content: string | object): Promise<string> {
  const file = join(folder, `${randomBytes(4).toString('hex')}.yaml`);
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}
/** What the API server says to objects that it is shown and does not keep. Rejects with its words, also if these are warnings. */
const show = async (content: string | object): Promise<string> =>
  kubectl(
    'apply',
    '-n',
    namespace,
    '--server-side',
    '--dry-run=server',
    '--warnings-as-errors',
    '-f',
    await fileOf(content),
  );
const podsOf = (rendered: string): object[] =>
  objectsOf(rendered).flatMap((each) => {
    const pod = podOf(each);
    const metadata = { name: each.metadata.name, labels: pod?.metadata.labels };
    return pod === undefined ? [] : [{ apiVersion: 'v1', kind: 'Pod', metadata, spec: pod.spec }];
  });

describe.each(suites)('a real API server, and the chart with %s.yaml', (name) => {
  it('takes each object, and warns of none', async () => {
    const rendered = await renderChart(valuesFile(name));
    expect((await show(rendered)).trim().split('\n')).toHaveLength(objectsOf(rendered).length);
  });

  it('lets each pod into a namespace with Pod Security "restricted"', async () => {
    const pods = podsOf(await renderChart(valuesFile(name)));
    expect(pods.length).toBeGreaterThan(3);
    expect(await show({ apiVersion: 'v1', kind: 'List', items: pods })).toContain(
      'serverside-applied (server dry run)',
    );
  });

  it('takes the release from helm install --dry-run=server', async () => {
    const flags = ['--namespace', namespace, '--values', valuesFile(name), '--dry-run=server'];
    expect(await helm('install', 'qwen-edit', CHART, ...flags)).toContain('qwen-edit 0.1.0 is installed as qwen-edit');
  });
});

it.each(suites.slice(0, 1))(
  'Pod Security "restricted" is at work: a folder of the node, mounted by the pod itself, is refused',
  async () => {
    const rendered = await renderChart(valuesFile('air-gapped'), '--set', 'model.hostPath.as=pod');
    const worker = podsOf(rendered).find((each) => JSON.stringify(each).includes('"hostPath"'))!;
    await expect(show(worker)).rejects.toThrow(/violates PodSecurity "restricted:latest": .*hostPath/);
  },
);

it.each(suites.slice(0, 1))('a field that an operator does not know is refused', async () => {
  const rendered = await renderChart(valuesFile('scale-to-zero'));
  await expect(show(rendered.replace('pollingInterval:', 'polingInterval:'))).rejects.toThrow('polingInterval');
});

it.each(suites.slice(0, 1))('a release is installed, upgraded to other values and removed', async () => {
  // The job that migrates would never run here.
  const flags = (name: string): string[] => ['--namespace', namespace, '--no-hooks', '--values', valuesFile(name)];
  const deployments = async (): Promise<string[]> =>
    (await kubectl('get', 'deployments', '-n', namespace, '-o', 'name')).trim().split('\n');
  await helm('install', 'qwen-edit', CHART, ...flags('minimal'));
  const api = ['deployment.apps/qwen-edit-api', 'deployment.apps/qwen-edit-dispatcher'];
  expect(await deployments()).toEqual([...api, 'deployment.apps/qwen-edit-worker-cpu']);
  await helm('upgrade', 'qwen-edit', CHART, ...flags('scale-to-zero'));
  expect(await deployments()).toEqual([
    ...api,
    ...['cpu', 'gpu'].map((pool) => `deployment.apps/qwen-edit-worker-${pool}`),
  ]);
  // From a fixed number to a scaler: nobody says a number any more.
  expect(await kubectl('get', 'scaledobjects', '-n', namespace, '-o', 'name')).toContain('qwen-edit-worker-gpu');
  await helm('uninstall', 'qwen-edit', '--namespace', namespace, '--no-hooks');
  expect(await kubectl('get', 'all,scaledobjects,networkpolicies', '-n', namespace, '-o', 'name')).toBe('');
});
