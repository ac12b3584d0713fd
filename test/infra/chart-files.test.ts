import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { CHART, type KubeObject, objectsOf, renderChart, valuesFile } from './chart.ts';
import { toolSuites } from './tools.ts';

const INFRA = join(CHART, '../..');
type Files = Readonly<Record<string, string>>;

/** The files of a folder with this ending, by name. A folder that is not there has none. */
async function filesOf(folder: string, ending: string): Promise<Files> {
  const names = await readdir(folder).catch(() => []);
  const wanted = names.filter((name) => name.endsWith(ending)).sort();
  return Object.fromEntries(
    await Promise.all(wanted.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const)),
  );
}
const areRules = ([, text]: readonly [string, string]): boolean => 'groups' in (parse(text) as object);

describe('the chart has what infra/ has: run infra/helm/copy-files.sh after a change', () => {
  it('the rules', async () => {
    const rules = Object.entries(await filesOf(join(INFRA, 'prometheus/rules'), '.yml')).filter(areRules);
    expect(await filesOf(join(CHART, 'files/rules'), '.yml')).toEqual(Object.fromEntries(rules));
  });

  it('the dashboards', async () => {
    const dashboards = await filesOf(join(INFRA, 'grafana/dashboards'), '.json');
    expect(await filesOf(join(CHART, 'files/dashboards'), '.json')).toEqual(dashboards);
  });
});

describe.each(await toolSuites(['helm'], ['everything']))('the chart with %s.yaml installs', (name) => {
  let objects: readonly KubeObject[] = [];
  beforeAll(async () => {
    objects = objectsOf(await renderChart(valuesFile(name)));
  });

  it('each group of rules, word for word', async () => {
    const groups = Object.values(await filesOf(join(CHART, 'files/rules'), '.yml')).flatMap(
      (text) => (parse(text) as { groups: unknown[] }).groups,
    );
    const installed = objects.filter((each) => each.kind === 'PrometheusRule').flatMap((each) => each.spec?.groups);
    expect(installed).toEqual(groups);
  });

  it('each dashboard, byte for byte, where the sidecar of Grafana finds it', async () => {
    const dashboards = await filesOf(join(CHART, 'files/dashboards'), '.json');
    const maps = objects.filter((each) => each.kind === 'ConfigMap' && each.metadata.labels?.grafana_dashboard === '1');
    const installed = Object.assign({}, ...maps.map((each) => each.data)) as Files;
    expect(Object.keys(installed).sort()).toEqual(Object.keys(dashboards));
    for (const [file, text] of Object.entries(dashboards)) expect(installed[file]).toBe(text.trim());
  });
});
