import { join } from 'node:path';
import { expect, it } from 'vitest';
import { submitPrompt, untilStep, untilSucceeded } from '../calls.ts';
import { endDatabase } from '../embedded.ts';
import type { System } from '../system.ts';
import { stayOnce } from './stops.ts';

/** Longer than any test waits. */
const LEASE = { QWEN_EDIT_LEASE_SECONDS: '3600' };

/** A data folder that is free proves that its former service has ended. */
export function takeOverTests(the: () => System): void {
  it.each([
    ['whose database lives on', () => undefined],
    ['with its database', (system: System) => endDatabase(join(system.folder, 'data'))],
  ])('the next service does not wait for the leases of one that was killed %s', async (_, also) => {
    const system = the();
    await system.stop();
    const service = await system.start('worker', LEASE);
    const { id } = await submitPrompt(system, stayOnce());
    await untilStep(system, id, 2);
    await service.stop('SIGKILL');
    also(system);
    await system.start('worker');
    expect(await untilSucceeded(system, id)).toMatchObject({ attempt: 2 });
  });
}
