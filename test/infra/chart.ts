import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { runInfraTool } from './tools.ts';

/** The chart's folder. */
export const CHART: string = join(import.meta.dirname, '../../infra/helm/qwen-edit');
const VALUES = join(import.meta.dirname, 'chart/values');

/** The example of docs/kubernetes.md. */
const EXAMPLE = 'production';

/** The values files that stand for deployments, by name. */
export const VALUE_SETS: readonly string[] = [
  EXAMPLE,
  ...(await readdir(VALUES)).map((file) => basename(file, '.yaml')).sort(),
];

/** The path of such a file. */
export const valuesFile = (name: string): string =>
  join(name === EXAMPLE ? join(CHART, 'examples') : VALUES, `${name}.yaml`);

/** An object for the API server, as far as the tests look at one. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly data?: Readonly<Record<string, string>>;
}

export interface EnvEntry {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly secretKeyRef?: { readonly name: string; readonly key: string } };
}

interface Container {
  readonly name: string;
  readonly image: string;
  readonly args: readonly string[];
  readonly env?: readonly EnvEntry[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly resources?: { readonly limits?: Readonly<Record<string, unknown>> };
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
}

export interface PodTemplate {
  readonly metadata: { readonly labels: Readonly<Record<string, string>> };
  readonly spec: {
    readonly serviceAccountName: string;
    readonly terminationGracePeriodSeconds?: number;
    readonly containers: readonly Container[];
    readonly initContainers?: readonly Container[];
    readonly volumes: readonly Readonly<Record<string, unknown>>[];
    readonly tolerations?: readonly unknown[];
  };
}

/** What `helm template` prints. Rejects with what it says, if it refuses. */
export function renderChart(values: string, ...flags: readonly string[]): Promise<string> {
  return runInfraTool('helm', [
    'template',
    'qwen-edit',
    CHART,
    '--namespace',
    'pictures',
    '--values',
    values,
    ...flags,
  ]);
}

/** The objects of what `helm template` prints. */
export function objectsOf(rendered: string): readonly KubeObject[] {
  return parseAllDocuments(rendered).flatMap((document) => {
    if (document.errors[0] !== undefined) throw document.errors[0];
    return document.contents === null ? [] : [document.toJS() as KubeObject];
  });
}

/** The pods that an object makes: its own, or those of its template. */
export function podOf({ kind, spec, metadata }: KubeObject): PodTemplate | undefined {
  if (kind === 'Pod')
    return { metadata: { labels: metadata.labels ?? {} }, spec: spec as unknown as PodTemplate['spec'] };
  return spec?.template as PodTemplate | undefined;
}

/** The object of this kind and name. Throws if there is none. */
export function objectNamed(objects: readonly KubeObject[], kind: string, name: string): KubeObject {
  const found = objects.find((each) => each.kind === kind && each.metadata.name === name);
  if (found === undefined) throw new Error(`There is no ${kind} ${name}.`);
  return found;
}
