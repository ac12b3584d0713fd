import { inject } from 'vitest';
import { inCi } from './config.ts';
import type { SERVICES, ServiceName } from './setup/start-services.ts';

type AddressOf<Name extends ServiceName> = Awaited<ReturnType<(typeof SERVICES)[Name]>>['address'];

/** How a service of this test run is reached; the first who asks waits until it is started. */
export async function serviceAddress<Name extends ServiceName>(name: Name): Promise<AddressOf<Name>> {
  return (await ask(name)) as AddressOf<Name>;
}

/**
 * The suites that need containers: all of them, or none if containers cannot be started here, which one line says for the
 * whole run. In CI that is a failure. To be given to `describe.each` at the top of a test file, beside some test that is
 * always there.
 */
export async function containerSuites<T>(suites: readonly T[]): Promise<readonly T[]> {
  const why = await whyNoImage();
  if (why === undefined) return suites;
  await leaveOut('the tests that need PostgreSQL, MinIO or LocalStack in containers', why);
  return [];
}

/** Why an image cannot be used here, or, without its name, one of those that containerSuites needs. undefined if it can. */
export async function whyNoImage(image = ''): Promise<string | undefined> {
  const { why } = (await ask(`images/${encodeURIComponent(image)}`)) as { why: string | null };
  return why ?? undefined;
}

/** Says once in the whole run that some tests are left out. In CI it is an error: there, everything has to be tested. */
export async function leaveOut(what: string, why: string): Promise<void> {
  if (inCi) throw new Error(`In CI nothing may be left out: ${what}, because ${why}.`);
  await mention(what, why);
}

/** The same for tests of what cannot be had everywhere, in CI either. */
export async function mention(what: string, why: string): Promise<void> {
  await ask(`left-out/${encodeURIComponent(`${what}, because ${why}.`)}`);
}

async function ask(path: string): Promise<unknown> {
  const response = await fetch(`${inject('servicesUrl')}/${path}`);
  if (!response.ok) throw new Error(`The service ${path} could not be started.\n${await response.text()}`);
  return response.json();
}
