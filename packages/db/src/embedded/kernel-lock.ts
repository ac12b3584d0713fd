import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, constants, openSync } from 'node:fs';
import { createServer } from 'node:net';

/** A lock that the kernel releases when the last process that holds it ends, however it ends. */
export interface KernelLock {
  /** The open file of the lock. A child process that inherits it holds the lock too. undefined if the lock has no file. */
  readonly fd: number | undefined;
  /** Releases the lock for this process. */
  release(): void;
}

/** Flags of open(2) that Node has no names for. Sources: macOS fcntl.h; libuv's UV_FS_O_EXLOCK on Windows. */
const DARWIN_EXLOCK_NONBLOCK = 0x20 | 0x04;
const WINDOWS_EXLOCK = 0x10000000;
const LOCK_HELD = 1;

/**
 * Takes the exclusive lock of a file, without waiting. Resolves with undefined if another process holds it. The file is made if it is
 * missing and must never be removed. The lock does not depend on process ids, which may be used again.
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

/** flock(1) locks the open file that it inherits from us, and the file stays locked for us when flock ends. */
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
 * The lock if there is no flock(1), or if the file system has no locks: the name of an abstract socket. Such a name has no file and is
 * known in one network namespace, which means within one container.
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

/** Keeps the plain number of the file: a FileHandle would be closed, and the lock lost, when nobody refers to it any more. */
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
