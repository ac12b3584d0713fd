import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, constants, openSync } from 'node:fs';
import { createServer } from 'node:net';

/** A lock that the kernel gives back when the last process that holds it ends, however it ends. */
export interface KernelLock {
  /** The open file that carries the lock. A child that inherits it holds the lock too. undefined where none does. */
  readonly fd: number | undefined;
  /** Gives back this process's share. */
  release(): void;
}

/** Flags of open(2) that Node does not name. Sources: macOS fcntl.h; libuv's UV_FS_O_EXLOCK on Windows. */
const DARWIN_EXLOCK_NONBLOCK = 0x20 | 0x04;
const WINDOWS_EXLOCK = 0x10000000;
const LOCK_HELD = 1;

/**
 * Takes the exclusive lock of a file, which is made where it is missing and must never be removed. Resolves with undefined
 * when another process holds it. It does not wait. No process id is involved, so none that is used again can mislead.
 */
export async function takeKernelLock(path: string): Promise<KernelLock | undefined> {
  return process.platform === 'linux' ? takeOnLinux(path) : takeByOpening(path);
}

function takeByOpening(path: string): KernelLock | undefined {
  const flag = process.platform === 'win32' ? WINDOWS_EXLOCK : DARWIN_EXLOCK_NONBLOCK;
  try {
    return byFile(openSync(path, constants.O_RDWR | constants.O_CREAT | flag, 0o600));
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
    if (code === 'EAGAIN' || code === 'EBUSY') return undefined;
    throw thrown;
  }
}

/** flock(1) locks the open file that it inherits, and what it locked stays locked for us when it ends. */
async function takeOnLinux(path: string): Promise<KernelLock | undefined> {
  const fd = openSync(path, 'a', 0o600);
  const code = await new Promise<number | null>((resolve) => {
    spawn('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'ignore', fd] })
      .once('exit', resolve)
      .once('error', () => resolve(null));
  });
  if (code === 0) return byFile(fd);
  closeSync(fd);
  return code === LOCK_HELD ? undefined : takeSocketName(path);
}

/**
 * Where there is no flock(1), or a file system without locks: a name among the abstract sockets, which have no file and
 * hold for one network namespace, that is within one container.
 */
async function takeSocketName(path: string): Promise<KernelLock | undefined> {
  const name = `\0qwen-edit-${createHash('sha256').update(path).digest('hex')}`;
  const server = createServer((socket) => socket.destroy()).unref();
  return new Promise((resolve, reject) => {
    server.once('error', (error) =>
      'code' in error && error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
    );
    server.listen(name, () => resolve({ fd: undefined, release: () => void server.close() }));
  });
}

/** The plain number is kept: a FileHandle would be closed, and the lock lost, once nobody refers to it. */
function byFile(fd: number): KernelLock {
  let open = true;
  return {
    fd,
    release() {
      if (open) closeSync(fd);
      open = false;
    },
  };
}
