import { createServer } from 'node:net';
import { join } from 'node:path';
import { type Config, readConfig } from '@qwen-edit/cli/config';
import { clientOf, findService } from '@qwen-edit/cli/find-service';
import { startWatchedProgram } from '@qwen-edit/cli/watched-program';
import type { Client } from '@qwen-edit/client';
import { AppError } from '@qwen-edit/contract';
import { readDataDirLock } from '@qwen-edit/db';

/** A service that takes the demo's jobs. */
export interface DemoService {
  readonly client: Client;
  readonly url: string;
  /** Stops the service if the demo has started it. */
  stop(): Promise<void>;
}

const command = join(import.meta.dirname, '../../apps/cli/src/main.ts');
const READY = /is ready at (http\S+)/;

/** Finds the service that uses the data folder. If there is none, starts one, on another port if the usual one is taken. */
export async function openService(): Promise<DemoService> {
  const config = readConfig();
  if (config.serviceUrl !== undefined || (await readDataDirLock(config.dataDir))?.url !== undefined) {
    const service = await findService(config);
    return { client: clientOf(service), url: service.url, stop: async () => {} };
  }
  return startService(config);
}

async function startService(config: Config): Promise<DemoService> {
  const port = (await isFree(config.host, config.port)) ? config.port : 0;
  // An empty --model: the demo shows the demo model, whatever QWEN_EDIT_2511_DIR names.
  const flags = ['serve', '--model=', '--host', config.host, '--port', String(port), '--data-dir', config.dataDir];
  // It is told to stop with the demo, by Ctrl-C or a signal, and also if the demo is killed.
  const { child, ended, stopCode } = startWatchedProgram({
    node: process.execPath,
    nodeArgs: ['--disable-warning=ExperimentalWarning'],
    file: command,
    args: flags,
    input: 'ignore',
    output: 'pipe',
  });
  let said = '';
  const ready = new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (chunk: string) => {
        said = `${said}${chunk}`.slice(-20_000);
        if (READY.test(said)) resolve();
      });
    }
    void ended.then(() => reject(new AppError('service_unreachable', `The service has not started:\n${said.trim()}`)));
  });
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await ended;
  };
  void ended.then(() => stopCode() !== undefined && process.exit(stopCode()));
  await ready;
  const service = await findService({ ...config, serviceUrl: undefined });
  return { client: clientOf(service), url: service.url, stop };
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}
