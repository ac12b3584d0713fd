import { AppError } from '@qwen-edit/contract';
import { type Credentials, type Database, validCredentials } from '@qwen-edit/db';
import type { Logger } from '@qwen-edit/telemetry';
import { describeError } from './describe-error.ts';

/** By what a caller was let in. `none`: no key was needed then. `local`: the token of this process, which ends with it. */
export type Credential =
  | { readonly kind: 'key' | 'session'; readonly id: string }
  | { readonly kind: 'none' }
  | { readonly kind: 'local' };

export interface CredentialWatch {
  /**
   * Looks at a credential again and again while an answer is being given. The signal aborts with an AppError `unauthorized` when it lets
   * nobody in any more.
   */
  follow(credential: Credential): { readonly lost: AbortSignal; stop(): void };
}

export interface CredentialWatchDeps {
  readonly database: Pick<Database, 'db'>;
  /** True once callers without a key are refused. */
  readonly needsKey: () => Promise<boolean>;
  readonly checkMs: number;
  readonly log: Logger;
  readonly stopping: AbortSignal;
}

interface Followed {
  readonly credential: Credential;
  readonly controller: AbortController;
}

/**
 * Follows the credentials of all answers that are being given, with one query a round; most answers end before the first. While
 * the database cannot be asked, answers go on.
 */
export function createCredentialWatch(deps: CredentialWatchDeps): CredentialWatch {
  const { database, needsKey, checkMs, log, stopping } = deps;
  const followed = new Set<Followed>();
  let round: NodeJS.Timeout | undefined;
  let asking = false;
  let failing = false;
  stopping.addEventListener('abort', () => clearTimeout(round));

  function schedule(): void {
    if (asking || round !== undefined || followed.size === 0 || stopping.aborted) return;
    round = setTimeout(ask, checkMs);
    round.unref();
  }

  async function ask(): Promise<void> {
    round = undefined;
    asking = true;
    const asked = [...followed];
    try {
      const idsOf = (kind: 'key' | 'session'): string[] => [
        ...new Set(asked.flatMap(({ credential }) => (credential.kind === kind ? [credential.id] : []))),
      ];
      const credentials: Credentials = { keyIds: idsOf('key'), sessionHashes: idsOf('session') };
      const some = credentials.keyIds.length + credentials.sessionHashes.length > 0;
      const valid = some ? await validCredentials(database.db, credentials) : new Set<string>();
      const closed = asked.some(({ credential }) => credential.kind === 'none') && (await needsKey());
      for (const { credential, controller } of asked) {
        if (credential.kind === 'none' ? closed : credential.kind !== 'local' && !valid.has(credential.id))
          controller.abort(lostError(credential));
      }
      failing = false;
    } catch (thrown) {
      if (!failing) log.warn({ errors: describeError(thrown) }, 'keys cannot be looked at again now');
      failing = true;
    } finally {
      asking = false;
      schedule();
    }
  }

  return {
    follow(credential) {
      const controller = new AbortController();
      if (credential.kind === 'local') return { lost: controller.signal, stop: () => undefined };
      const entry = { credential, controller };
      followed.add(entry);
      schedule();
      return {
        lost: controller.signal,
        stop() {
          followed.delete(entry);
          if (followed.size > 0) return;
          clearTimeout(round);
          round = undefined;
        },
      };
    },
  };
}

function lostError({ kind }: Credential): AppError {
  const what = {
    key: 'The API key was revoked or has expired',
    session: 'The session has ended',
    none: 'An API key was made, so that one is needed now',
    local: 'The service has ended',
  }[kind];
  return new AppError('unauthorized', `${what}; the answer was ended.`);
}
