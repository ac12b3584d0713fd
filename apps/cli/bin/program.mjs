// The inside of watched-program.mjs: node program.mjs FILE [arguments]. Runs FILE as if it had been started itself.
import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { pathToFileURL } from 'node:url';
import { LIFE_FD, NOTICE_FD } from './watched-program.mjs';

process.argv.splice(1, 1);

let parentGone = false;

// Node calls this on every way to an end but a signal. What Node does after it can hang: nodejs/node#54918.
process.on('exit', (code) => {
  try {
    writeSync(NOTICE_FD, `${code}\n`);
  } catch {
    parentGone = true;
  }
  // Nobody is left to end this process if it hangs, and nobody to learn its exit code.
  if (parentGone) process.kill(process.pid, 'SIGKILL');
});

if (process.platform !== 'win32') {
  const life = new Socket({ fd: LIFE_FD, readable: true, writable: false });
  life.on('error', () => undefined);
  life.once('close', () => {
    parentGone = true;
    if (!process.emit('SIGTERM', 'SIGTERM')) process.exit();
  });
  life.resume().unref();
}

await import(pathToFileURL(process.argv[1] ?? '').href);
