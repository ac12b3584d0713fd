import { AppError } from '@qwen-edit/contract';
import { VERIFY_HELP } from '../help.ts';
import type { VerifyDeps } from './verify-command.ts';

/** `qwen-edit model verify`. */
export async function modelCommand(args: readonly string[], deps: VerifyDeps): Promise<void> {
  const [what, ...rest] = args;
  switch (what) {
    case 'verify':
      return (await import('./verify-command.ts')).verifyCommand(rest, deps);
    case '--help':
    case '-h':
      return deps.terminal.out(VERIFY_HELP);
    default:
      throw new AppError('usage', 'Say: model verify.', { hint: VERIFY_HELP.trimEnd() });
  }
}
