import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { CLOSED, docker } from '../e2e/containers.ts';
import { pollUntil } from '../e2e/waiting.ts';
import { leaveOut, whyNoImage } from '../services.ts';
import { findTool, runInfraTool, toolSuites } from './tools.ts';

const root = join(import.meta.dirname, '../..');
const read = (path: string): Promise<string> => readFile(join(root, path), 'utf8');

const prometheusSchema = z.object({
  global: z.object({ scrape_interval: z.literal('15s') }),
  rule_files: z.tuple([z.literal('/etc/prometheus/rules/*.yml')]),
  scrape_configs: z.array(
    z.object({
      job_name: z.string(),
      dns_sd_configs: z
        .array(z.object({ names: z.array(z.string()), type: z.literal('A'), port: z.int() }))
        .default([]),
    }),
  ),
});
const composeSchema = z.object({ services: z.record(z.string(), z.object({ command: z.unknown().optional() })) });

const jobs = async (): Promise<z.output<typeof prometheusSchema>['scrape_configs']> =>
  prometheusSchema.parse(parse(await read('infra/prometheus/prometheus.yml'))).scrape_configs;

it('Prometheus asks every service of compose.yaml that runs a role, at the port that its image listens on', async () => {
  const { services } = composeSchema.parse(parse(await read('infra/compose.yaml'), { merge: true }));
  const dockerfile = await read('infra/docker/Dockerfile');
  const portOf = (name: string): number => Number(new RegExp(`\\b${name}=(\\d+)`).exec(dockerfile)?.[1]);
  const wanted = Object.entries(services).flatMap(([service, { command }]) =>
    command === 'api' || command === 'worker' || command === 'dispatcher'
      ? [`qwen-edit-${command} ${service}:${portOf(command === 'api' ? 'PORT' : 'QWEN_EDIT_METRICS_PORT')}`]
      : [],
  );
  const asked = (await jobs()).flatMap(({ job_name, dns_sd_configs }) =>
    dns_sd_configs.flatMap(({ names, port }) => names.map((service) => `${job_name} ${service}:${port}`)),
  );
  expect(wanted.length).toBeGreaterThanOrEqual(4);
  expect(asked.sort()).toEqual(wanted.sort());
});

it('Grafana computes rates with the time between two scrapes of Prometheus', async () => {
  const source = z
    .object({
      datasources: z.tuple([
        z.object({ type: z.literal('prometheus'), jsonData: z.object({ timeInterval: z.literal('15s') }) }),
      ]),
    })
    .safeParse(parse(await read('infra/grafana/provisioning/datasources/prometheus.yml')));
  expect(source.error).toBeUndefined();
});

const IMAGE = 'debian:bookworm-slim';
const withImage = async (suites: readonly string[]): Promise<readonly string[]> => {
  const why = await whyNoImage(IMAGE);
  if (why === undefined) return suites;
  await leaveOut('the test of how Prometheus finds containers', why);
  return [];
};

/** Asks for the active targets from inside the container, whose network leads nowhere. */
const TARGETS = [
  'exec 3<>/dev/tcp/127.0.0.1/9090',
  'printf "GET /api/v1/targets?state=active HTTP/1.0\\r\\n\\r\\n" >&3',
  "sed '1,/^\\r$/d' <&3",
].join('; ');
const targetsSchema = z.object({
  data: z.object({ activeTargets: z.array(z.object({ labels: z.object({ job: z.string(), instance: z.string() }) })) }),
});

describe.each(await withImage(await toolSuites(['prometheus'], ['Prometheus in a container'])))('%s', () => {
  it('finds each of several containers of a service by its name, though another service is not there', async () => {
    const network = `qwen-edit-sd-${process.pid}`;
    const containers: string[] = [];
    const start = async (name: string, ...args: string[]): Promise<void> => {
      containers.push(name);
      await docker(['run', '--detach', '--name', name, '--network', network, ...CLOSED, ...args]);
    };
    onTestFinished(async () => {
      await docker(['rm', '--force', ...containers]);
      await docker(['network', 'rm', network]);
    });
    await docker(['network', 'create', '--internal', network]);
    const services = ['api', 'api', 'worker', 'dispatcher'];
    for (const [index, service] of services.entries()) {
      await start(`${network}-${index}`, '--network-alias', service, IMAGE, 'sleep', '600');
    }
    const server = `${network}-prometheus`;
    await start(
      server,
      ...['--tmpfs', '/prometheus', '--volume', `${await findTool('prometheus')}:/bin/prometheus:ro`],
      ...['--volume', `${join(root, 'infra/prometheus')}:/etc/prometheus:ro`, IMAGE],
      ...['prometheus', '--config.file=/etc/prometheus/prometheus.yml', '--storage.tsdb.path=/prometheus'],
    );
    const addressOf = async (name: string): Promise<string> =>
      (await docker(['inspect', '--format', '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}', name])).trim();
    const wanted = await Promise.all(
      services.map(async (service, index) => {
        const address = await addressOf(`${network}-${index}`);
        return `qwen-edit-${service} ${address}:${service === 'api' ? 7860 : 9464}`;
      }),
    );
    const found = await pollUntil('the targets', async () => {
      const answer = await docker(['exec', server, 'bash', '-c', TARGETS]);
      const { activeTargets } = targetsSchema.parse(JSON.parse(answer)).data;
      const targets = activeTargets.filter(({ labels }) => labels.job !== 'prometheus');
      return targets.length >= wanted.length && targets.map(({ labels }) => `${labels.job} ${labels.instance}`);
    });
    expect([...found].sort()).toEqual(wanted.sort());
  });
});

describe.each(await toolSuites(['promtool'], ['promtool']))('%s', () => {
  it('takes prometheus.yml, with the rules', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'qwen-edit-promtool-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const text = await read('infra/prometheus/prometheus.yml');
    const file = join(folder, 'prometheus.yml');
    await writeFile(file, text.replace('/etc/prometheus/rules', join(root, 'infra/prometheus/rules')));
    await runInfraTool('promtool', ['check', 'config', file]);
    await writeFile(file, text.replace('type: A', 'type: B'));
    await expect(runInfraTool('promtool', ['check', 'config', file])).rejects.toThrow(/DNS-SD/);
  });
});
