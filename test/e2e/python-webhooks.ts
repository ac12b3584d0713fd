import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { environment } from '../config.ts';
import { leaveOut } from '../services.ts';
import type { ReceivedDelivery } from './receiver.ts';

const run = promisify(execFile);
const PACKAGE = 'standardwebhooks==1.1.0';
/** Reads a secret, headers and a body as JSON; writes what was signed, or ends with an error. */
const PROGRAM = `
import json, sys
from standardwebhooks import Webhook
said = json.load(sys.stdin)
print(json.dumps(Webhook(said["secret"]).verify(said["body"], said["headers"])))
`;

export interface PythonVerifier {
  verify(secret: string, delivery: ReceivedDelivery): Promise<unknown>;
  remove(): Promise<void>;
}

/**
 * The verifier of the PyPI package, or none on a machine where Python cannot install it: see leaveOut.
 */
export async function pythonVerifiers(): Promise<readonly PythonVerifier[]> {
  const folder = await mkdtemp(join(tmpdir(), 'qwen-edit-python-'));
  const flags = ['--quiet', '--disable-pip-version-check', '--no-deps', '--target', folder];
  try {
    await run('python3', ['-m', 'pip', 'install', ...flags, PACKAGE]);
  } catch {
    await rm(folder, { recursive: true, force: true });
    await leaveOut(`webhooks verified by ${PACKAGE}`, 'Python with pip is not here');
    return [];
  }
  return [
    {
      async verify(secret, { body, headers }) {
        const asked = run('python3', ['-c', PROGRAM], { env: { ...environment, PYTHONPATH: folder } });
        asked.child.stdin?.end(JSON.stringify({ secret, body, headers }));
        return JSON.parse((await asked).stdout);
      },
      remove: () => rm(folder, { recursive: true, force: true }),
    },
  ];
}
