import type { Stats } from 'node:fs';
import { chmod, stat } from 'node:fs/promises';

/** `closed`: it was open, and was closed now. `open`: it is open, and belongs to somebody else or may not be changed. */
export type FolderState = 'closed' | 'was closed' | 'open';

const OTHERS = 0o007;
const GROUP_AND_OTHERS = 0o077;
/** The group may pass it and see nothing of it, as the user of an embedded PostgreSQL has to. */
const PASSED_BY_GROUP = 0o010;
const SETGID = 0o2000;
const STICKY = 0o1000;

/**
 * Closes a folder to other users: pictures lie in it. A folder that a group shares on purpose stays open to that group: one with the
 * setgid bit, as Kubernetes gives volumes with fsGroup, and one of the group root in a container whose user is in it, as OpenShift
 * starts them. A folder for everybody (with the sticky bit, as /tmp) is left alone.
 */
export async function closeFolder(path: string): Promise<FolderState> {
  // Windows has no such bits.
  if (process.platform === 'win32') return 'was closed';
  const facts = await stat(path);
  const open = facts.mode & openBits(facts);
  if (open === 0 || (facts.mode & GROUP_AND_OTHERS) === PASSED_BY_GROUP) return 'was closed';
  if ((facts.mode & STICKY) !== 0) return 'open';
  try {
    await chmod(path, facts.mode & 0o7777 & ~openBits(facts));
    return 'closed';
  } catch {
    return 'open';
  }
}

/** The modes of files and folders below a folder: closed, or for its group if that shares it. The umask may take more. */
export async function modesBelow(path: string): Promise<{ readonly file: number; readonly folder: number }> {
  return sharedByGroup(await stat(path)) ? { file: 0o660, folder: 0o770 } : { file: 0o600, folder: 0o700 };
}

const openBits = (facts: Stats): number => (sharedByGroup(facts) ? OTHERS : GROUP_AND_OTHERS);

function sharedByGroup({ mode, gid }: Stats): boolean {
  return (mode & SETGID) !== 0 || (gid === 0 && process.getegid?.() === 0 && process.geteuid?.() !== 0);
}
