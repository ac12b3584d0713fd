import { chmod, chown, mkdtemp, readFile, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import { discard, type Places, UNFINISHED } from './places.ts';
import { type Launch, runProgram } from './run-program.ts';

/** The user that the server runs as. PostgreSQL refuses to run as root. */
export interface Identity {
  /** For messages. */
  readonly name: string;
  /** Who must own the cluster's files; undefined if they are ours already. */
  readonly owner: Owner | undefined;
  launch(program: string, args: readonly string[]): Launch;
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * How a start as root can avoid running the server as root, in the order in which they are tried:
 * - `namespace`: in a user namespace in which root has the number of another user. Nothing on the system changes, and the files stay
 *   root's. Containers usually forbid it.
 * - `user`: as an existing user, or one made for this, who must be able to reach the data folder.
 * - `user-with-access`: as such a user, with the capability to pass folders that are closed to it, as /root is.
 */
export const ROOT_WAYS = ['namespace', 'user', 'user-with-access'] as const;
export type RootWay = (typeof ROOT_WAYS)[number];

interface User extends Owner {
  readonly name: string;
}

const OWN_USER = 'qwen-edit';
const KNOWN_USERS = ['postgres', '_postgres', OWN_USER];
/** Other processes may run as this user and could read the data, so it is the last choice. */
const LAST_RESORT = 'nobody';
/** Without the secure bit, access(2) would ignore the capability of a user who is not root. */
const PASS_ALL_FOLDERS = [
  '--clear-groups',
  '--securebits=+no_setuid_fixup',
  '--inh-caps=+dac_override',
  '--ambient-caps=+dac_override',
];

const self: Identity = { name: 'this user', owner: undefined, launch: (program, args) => ({ program, args }) };

/**
 * Finds a user that the server can run as, by trying: it must start the program and write to a folder in the data folder. AppError
 * `embedded_database_failed`, with what was tried, if nothing works.
 */
export async function chooseIdentity(
  places: Places,
  program: string,
  ways: readonly RootWay[],
  signal?: AbortSignal,
): Promise<Identity> {
  const isRoot = process.getuid?.() === 0;
  if (!isRoot && hasName()) return self;
  const tried: string[] = [];
  for await (const identity of isRoot ? rootIdentities(places, ways) : namelessIdentities()) {
    const problem = await tryOut(identity, places, program, signal);
    if (problem === undefined) return identity;
    tried.push(`${identity.name}: ${problem}`);
    signal?.throwIfAborted();
  }
  // Only setting up a cluster needs a user with a name; if it has to, initdb says so.
  if (!isRoot) return self;
  throw new AppError('embedded_database_failed', `PostgreSQL must not run as root. Tried: ${tried.join('; ')}.`, {
    hint: 'Start qwen-edit as another user than root, or set DATABASE_URL to a PostgreSQL server.',
  });
}

async function* rootIdentities(places: Places, ways: readonly RootWay[]): AsyncGenerator<Identity> {
  const users = await readUsers();
  const owner = await stat(places.cluster).catch(() => undefined);
  const owners =
    owner === undefined || owner.uid === 0 ? [] : [{ uid: owner.uid, gid: owner.gid, name: `${owner.uid}` }];
  // The owner of the files comes first, because then the files need no other owner.
  if (ways.includes('user')) yield* owners.map(asUser);
  if (ways.includes('namespace')) yield* inNamespace(users);
  const others = ways.some((way) => way !== 'namespace') ? await suitableUsers(places, users) : [];
  if (ways.includes('user')) yield* others.map(asUser);
  if (ways.includes('user-with-access')) yield* [...owners, ...others].slice(0, 1).map(asUserWithAccess);
}

/** A user without an entry in /etc/passwd, as in some containers, cannot set up a cluster with its own number. */
async function* namelessIdentities(): AsyncGenerator<Identity> {
  yield* inNamespace(await readUsers());
}

function inNamespace(users: readonly User[]): Identity[] {
  const user = users.find(({ name }) => KNOWN_USERS.includes(name) || name === LAST_RESORT);
  if (user === undefined || process.platform !== 'linux') return [];
  const namespace = ['--user', `--map-user=${user.uid}`, `--map-group=${user.gid}`, '--'];
  const uid = process.getuid?.();
  return [
    {
      name: 'user namespace',
      owner: uid === 0 ? { uid: 0, gid: 0 } : undefined,
      launch: (program, args) => ({ program: 'unshare', args: [...namespace, program, ...args] }),
    },
  ];
}

function asUser(user: User): Identity {
  const { uid, gid } = user;
  return { name: `user ${user.name}`, owner: { uid, gid }, launch: (program, args) => ({ program, args, uid, gid }) };
}

function asUserWithAccess({ name, uid, gid }: User): Identity {
  const become = [`--reuid=${uid}`, `--regid=${gid}`, ...PASS_ALL_FOLDERS, '--'];
  return {
    name: `user ${name} with access to all folders`,
    owner: { uid, gid },
    launch: (program, args) => ({ program: 'setpriv', args: [...become, program, ...args] }),
  };
}

async function suitableUsers(places: Places, users: readonly User[]): Promise<User[]> {
  const parent = await stat(dirname(places.dataDir));
  const neighbour = users.filter(({ uid }) => uid === parent.uid && uid !== 0).slice(0, 1);
  const known = users.filter(({ name }) => KNOWN_USERS.includes(name));
  if (neighbour.length + known.length > 0) return [...neighbour, ...known];
  await runProgram({
    program: 'useradd',
    args: ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', OWN_USER],
  });
  const made = (await readUsers()).filter(({ name }) => name === OWN_USER);
  return made.length > 0 ? made : users.filter(({ name }) => name === LAST_RESORT);
}

/** Why this identity does not work; undefined if it does. */
async function tryOut(
  identity: Identity,
  places: Places,
  program: string,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const folder = await mkdtemp(join(places.dataDir, UNFINISHED));
  try {
    await giveFolder(folder, identity);
    await letThrough(places.dataDir, identity);
    const script = '"$1" --version && : > "$2"';
    const ended = await runProgram(
      identity.launch('/bin/sh', ['-c', script, 'sh', program, join(folder, 'written')]),
      signal,
    );
    return ended.ok ? undefined : ended.output.replaceAll('\n', ' ');
  } catch (thrown) {
    return String(thrown);
  } finally {
    await discard(folder);
  }
}

/** Makes the identity the owner of a folder. */
export async function giveFolder(path: string, { owner }: Identity): Promise<void> {
  if (owner !== undefined) await chown(path, owner.uid, owner.gid);
}

/** Lets the server's group pass a data folder that only root may enter. It may not list the folder. */
async function letThrough(dataDir: string, { owner }: Identity): Promise<void> {
  if (owner === undefined || owner.uid === 0) return;
  const { uid, mode } = await stat(dataDir);
  if (uid !== 0 || (mode & 0o077) !== 0) return;
  await chown(dataDir, 0, owner.gid);
  await chmod(dataDir, 0o710);
}

async function readUsers(): Promise<User[]> {
  const text = await readFile('/etc/passwd', 'utf8').catch(() => '');
  return text.split('\n').flatMap((line) => {
    const [name = '', , uid, gid] = line.split(':');
    const user = { name, uid: Number(uid), gid: Number(gid) };
    return user.uid > 0 && user.gid > 0 ? [user] : [];
  });
}

function hasName(): boolean {
  try {
    return userInfo().username !== '';
  } catch {
    return false;
  }
}
