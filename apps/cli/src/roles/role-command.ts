import type { Overrides } from '../config.ts';
import { readFlags } from '../flag-values.ts';
import { SERVE_HELP } from '../help.ts';
import type { RoleDeps } from './role.ts';

export const ROLES = ['serve', 'api', 'worker', 'dispatcher'] as const;
export type Role = (typeof ROLES)[number];

const OPTIONS = {
  host: { type: 'string' },
  port: { type: 'string' },
  insecure: { type: 'boolean' },
  'data-dir': { type: 'string' },
  model: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** Runs a role until it is told to stop. Its code is loaded here, so that other commands start without it. */
export async function roleCommand(
  role: Role,
  args: readonly string[],
  deps: Omit<RoleDeps, 'config' | 'modelFlag'> & { readonly configOf: (overrides: Overrides) => RoleDeps['config'] },
): Promise<void> {
  const { values } = readFlags(args, OPTIONS);
  if (values.help === true) {
    deps.terminal.out(SERVE_HELP);
    return;
  }
  const overrides = {
    HOST: values.host,
    PORT: values.port,
    QWEN_EDIT_INSECURE: values.insecure === true ? '1' : undefined,
    QWEN_EDIT_DATA_DIR: values['data-dir'],
  };
  const said: Record<string, string> = {};
  for (const [name, value] of Object.entries(overrides)) if (value !== undefined) said[name] = value;
  const roleDeps = { ...deps, config: deps.configOf(said), modelFlag: values.model };
  if (role === 'serve') return (await import('./serve.ts')).serve(roleDeps);
  const parts = await import('./parts.ts');
  if (role === 'api') return parts.runApi(roleDeps);
  return role === 'worker' ? parts.runWorkerRole(roleDeps) : parts.runDispatcherRole(roleDeps);
}
