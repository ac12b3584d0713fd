import type { Socket } from 'node:net';

/** How much of a request is still taken and thrown away after it was refused. Times in milliseconds. */
export interface LingerLimits {
  readonly bytes: number;
  /** Ends when nothing has arrived for so long. */
  readonly idleMs: number;
  readonly totalMs: number;
}

/** More than a body may have by default, and no longer than a caller on a slow line takes to notice the answer. */
export const LINGER: LingerLimits = { bytes: 128 * 1024 * 1024, idleMs: 5_000, totalMs: 30_000 };

const lingering = new WeakSet<Socket>();

/** True for a connection that `closeGently` is closing: nothing more is read from it or written to it. */
export function isClosing(socket: Socket): boolean {
  return lingering.has(socket);
}

/**
 * Closes a connection whose caller may still be sending. Were it closed at once, the system would answer what arrives later
 * with a reset, and the caller's system would then throw the answer away before its program has read it. So only our side is
 * closed; what arrives is thrown away until the caller closes too, or a limit is reached. Source: RFC 9112, section 9.6.
 */
export function closeGently(socket: Socket, { bytes, idleMs, totalMs }: LingerLimits): void {
  if (socket.destroyed || lingering.has(socket)) return;
  lingering.add(socket);
  const cut = (): void => void socket.destroy();
  const idle = setTimeout(cut, idleMs);
  const total = setTimeout(cut, totalMs);
  let taken = 0;
  const discard = (chunk: Buffer): void => {
    taken += chunk.length;
    if (taken > bytes) cut();
    else idle.refresh();
  };
  socket.once('end', () => (socket.writableFinished ? cut() : socket.once('finish', cut)));
  socket.once('close', () => {
    clearTimeout(idle);
    clearTimeout(total);
  });
  // If node:http has stopped reading, it has to start again itself: it does so in the next tick.
  socket.resume();
  process.nextTick(() => {
    // When somebody else listens, node:http gives the bytes back to the socket. Then its own listener goes, so that nothing
    // of what follows is taken for a request.
    socket.on('data', discard).removeAllListeners('data').on('data', discard).resume();
  });
  if (socket.writable) socket.end();
}
