import { AppError, didYouMean, LOCAL_OWNER, nearestOf, SCOPES, type Scope } from '@qwen-edit/contract';
import { type ApiKeyRow, createApiKey, type Database, listApiKeys, revokeApiKey } from '@qwen-edit/db';
import { readFlags } from '../flag-values.ts';
import { KEYS_HELP } from '../help.ts';
import type { Terminal } from '../terminal.ts';
import { keyEndOf } from './key-end.ts';

const OPTIONS = {
  name: { type: 'string' },
  owner: { type: 'string' },
  scopes: { type: 'string' },
  expires: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** A key as it was made or listed. */
type ShownKey = ApiKeyRow & { readonly expired?: boolean };

const WHAT = ['create', 'list', 'revoke'];

export interface KeysDeps {
  readonly terminal: Terminal;
  /** Opens the database of the service while `work` runs. */
  readonly withDatabase: <T>(work: (database: Database) => Promise<T>) => Promise<T>;
}

/** `qwen-edit keys create | list | revoke ID`. */
export async function keysCommand(args: readonly string[], { terminal, withDatabase }: KeysDeps): Promise<void> {
  const { values, words } = readFlags(args, OPTIONS, 2);
  const [what, id] = words;
  if (values.help === true) return terminal.out(KEYS_HELP);
  const print = (row: ShownKey, secret?: string): void =>
    terminal.out(values.json === true ? `${JSON.stringify(shown(row, secret))}\n` : keyLine(row, secret));
  switch (what) {
    case 'create': {
      if (id !== undefined) throw new AppError('usage', `'${id}' is one word too many.`);
      if (values.name === undefined) throw new AppError('usage', '--name is missing.');
      const [owner, scopes, end] = [ownerOf(values.owner), scopesOf(values.scopes), keyEndOf(values.expires)];
      const key = { name: values.name, owner, scopes, end };
      const { row, secret } = await withDatabase(({ db }) => createApiKey(db, key));
      return print(row, secret);
    }
    case 'list':
      for (const row of await withDatabase(({ db }) => listApiKeys(db))) print(row);
      return;
    case 'revoke': {
      if (id === undefined) throw new AppError('usage', 'The id of the key is missing.');
      if (!(await withDatabase(({ db }) => revokeApiKey(db, id))))
        throw new AppError('not_found', `There is no key ${id} that could be revoked.`, {
          hint: 'Run `qwen-edit keys list`.',
        });
      return;
    }
    default:
      throw new AppError(
        'usage',
        `Say one of: keys create, keys list, keys revoke.${didYouMean(nearestOf(what ?? '', WHAT))}`,
        { hint: KEYS_HELP.trimEnd() },
      );
  }
}

/** Names of owners appear in object keys and in logs, so their characters are restricted. */
function ownerOf(owner: string | undefined): string {
  if (owner === undefined) return LOCAL_OWNER;
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(owner))
    throw new AppError('usage', '--owner must be 1 to 63 letters, digits, dots, hyphens or underscores.');
  return owner;
}

function scopesOf(said: string | undefined): Scope[] {
  const words = (said ?? 'submit,read').split(',').map((word) => word.trim());
  return words.map((word) => {
    const scope = SCOPES.find((each) => each === word);
    if (scope === undefined) throw new AppError('usage', `--scopes takes ${SCOPES.join(', ')}; got '${word}'.`);
    return scope;
  });
}

function shown(row: ShownKey, secret: string | undefined) {
  const { id, owner, name, scopes, createdAt, expiresAt, revokedAt } = row;
  return {
    id,
    owner,
    name,
    scopes,
    state: stateOf(row),
    created_at: createdAt,
    expires_at: expiresAt,
    revoked_at: revokedAt,
    ...(secret === undefined ? {} : { key: secret }),
  };
}

function keyLine(row: ShownKey, secret: string | undefined): string {
  if (secret !== undefined) return `${secret}\n`;
  const { id, owner, name, scopes, expiresAt } = row;
  const end = expiresAt === null ? 'no end' : `${row.expired === true ? 'since' : 'until'} ${expiresAt.toISOString()}`;
  return `${id}  ${stateOf(row).padEnd(7)}  ${owner}  ${scopes.join(',')}  ${name}  (${end})\n`;
}

const stateOf = ({ revokedAt, expired }: ShownKey): string => {
  if (revokedAt !== null) return 'revoked';
  return expired === true ? 'expired' : 'in use';
};
