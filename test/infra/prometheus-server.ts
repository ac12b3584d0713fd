import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { findTool, runInfraTool } from './tools.ts';

/** One series of an answer: its labels, and its values in the order of time. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly values: readonly number[];
}

/** The times between which queries look, as Unix seconds. */
export interface Span {
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

/** A running Prometheus. */
export interface PrometheusServer {
  /** At the end of the span. Rejects with Prometheus' words if the query is wrong. */
  instant(query: string, span: Span): Promise<readonly Series[]>;
  range(query: string, span: Span): Promise<readonly Series[]>;
  /** The values that a label has in the series of a selector, as `label_values` of Grafana gives them. */
  labelValues(selector: string, label: string, span: Span): Promise<readonly string[]>;
  close(): Promise<void>;
}

interface Answer {
  readonly status: string;
  readonly error?: string;
  readonly data: unknown;
}

/** What a Prometheus holds from its start: files in the text format of OpenMetrics. And its configuration; without one it scrapes nothing. */
export interface PrometheusOptions {
  readonly recordings?: readonly string[];
  readonly config?: string;
}

/** Starts a Prometheus on a free port. */
export async function startPrometheus({
  recordings = [],
  config: text = '{}',
}: PrometheusOptions): Promise<PrometheusServer> {
  const folder = await mkdtemp(join(tmpdir(), 'qwen-edit-prometheus-'));
  const config = join(folder, 'prometheus.yml');
  await writeFile(config, text);
  for (const file of recordings) {
    await runInfraTool('promtool', [
      'tsdb',
      'create-blocks-from',
      'openmetrics',
      '--quiet',
      file,
      join(folder, 'data'),
    ]);
  }
  const program = await findTool('prometheus');
  if (program === undefined) throw new Error('prometheus is not here.');
  const child = spawn(program, [
    `--config.file=${config}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    // The recording is older than what Prometheus keeps by default.
    '--storage.tsdb.retention.time=100y',
    // The format cannot say that a series has ended, as a scrape does. So one that is not there twice has.
    '--query.lookback-delta=31s',
    '--web.listen-address=127.0.0.1:0',
  ]);
  const ended = once(child, 'exit');
  const close = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  const said: string[] = [];
  let address: string | undefined;
  let ready = false;
  for await (const line of createInterface({ input: child.stderr })) {
    said.push(line);
    address ??= /msg="Listening on".* address=(\S+)/.exec(line)?.[1];
    ready ||= line.includes('Server is ready to receive web requests');
    // They come in either order.
    if (ready && address !== undefined) break;
  }
  child.stderr.resume();
  if (!ready || address === undefined) {
    await close();
    throw new Error(`Prometheus does not start:\n${said.join('\n')}`);
  }

  async function ask(path: string, parameters: Readonly<Record<string, string>>): Promise<unknown> {
    const response = await fetch(`http://${address}/api/v1/${path}?${new URLSearchParams(parameters)}`);
    const { status, error, data } = (await response.json()) as Answer;
    if (status !== 'success') throw new Error(`${error}: ${parameters.query ?? path}`);
    return data;
  }
  return {
    async instant(query, { end }) {
      const { resultType, result } = (await ask('query', { query, time: String(end) })) as {
        resultType: string;
        result: unknown;
      };
      if (resultType === 'scalar') return [{ labels: {}, values: [Number((result as [number, string])[1])] }];
      return (result as { metric: Record<string, string>; value: [number, string] }[]).map(({ metric, value }) => ({
        labels: metric,
        values: [Number(value[1])],
      }));
    },
    async range(query, { start, end, step }) {
      const parameters = { query, start: String(start), end: String(end), step: String(step) };
      const { result } = (await ask('query_range', parameters)) as {
        result: { metric: Record<string, string>; values: [number, string][] }[];
      };
      return result.map(({ metric, values }) => ({ labels: metric, values: values.map(([, value]) => Number(value)) }));
    },
    async labelValues(selector, label, { start, end }) {
      const parameters = { 'match[]': selector, start: String(start), end: String(end) };
      return (await ask(`label/${label}/values`, parameters)) as string[];
    },
    close,
  };
}
