import type { AddressInfo } from 'node:net';
import type { TestProject } from 'vitest/node';
import { createKeepAliveServer } from '../support/keep-alive-server.ts';
import { findImages, SERVICE_IMAGES, whyNoImages } from './images.ts';
import { SERVICES, type ServiceName, type StartedService } from './start-services.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Address of the broker that starts services for the whole run. */
    servicesUrl: string;
  }
}

/**
 * Global set-up of a test run: answers `GET /NAME` with how a service is reached. A service is started when the first test
 * file asks for it, serves the whole run, and is stopped at its end. So a run of one unit test starts none. It also knows
 * which images can be used (`/images/NAME`), and prints once what is left out (`/left-out/LINE`).
 */
export async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const started = new Map<ServiceName, Promise<StartedService>>();
  const leftOut = new Set<string>();
  const images = new Map<string, Promise<string | undefined>>();

  const whyLacking = (wanted: string): Promise<string | undefined> => {
    const names = wanted === '' ? SERVICE_IMAGES : [wanted];
    const why = images.get(wanted) ?? findImages().then((found) => whyNoImages(found, names));
    images.set(wanted, why);
    return why;
  };

  const answer = async (path: string): Promise<unknown> => {
    const [, request, argument] = /^(images|left-out)\/(.*)$/.exec(path) ?? [];
    if (request === 'images') return { why: (await whyLacking(decodeURIComponent(argument ?? ''))) ?? null };
    if (request === 'left-out') return leaveOut(decodeURIComponent(argument ?? ''));
    const name = Object.keys(SERVICES).find((each): each is ServiceName => each === path);
    if (name === undefined) throw new Error(`There is no service named ${path}.`);
    const service = started.get(name) ?? SERVICES[name]();
    started.set(name, service);
    return (await service).address;
  };

  /** Each line is printed once, however many test files leave something out for the same reason. */
  const leaveOut = (line: string): boolean => {
    if (!leftOut.has(line)) process.stderr.write(`Left out: ${line}\n`);
    leftOut.add(line);
    return true;
  };

  const server = createKeepAliveServer((request, response) => {
    answer((request.url ?? '').slice(1)).then(
      (value) => response.end(JSON.stringify(value)),
      (thrown: unknown) => {
        response.statusCode = 500;
        response.end(thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown));
      },
    );
  });
  // Starting a container may take longer than Node's default of five minutes.
  server.requestTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  provide('servicesUrl', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);

  return async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await Promise.allSettled([...started.values()].map(async (service) => (await service).stop()));
  };
}
