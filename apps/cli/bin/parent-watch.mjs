// Plain JavaScript on purpose, as node-for-typescript.mjs.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';

const LOOK_EVERY_MS = 500;

/** The name that npm gives itself, or how it was started; and a shell that was started with a script. */
const NPM = /(^|[/\0 ])npm(-cli\.js)?([\0 ]|$)/;
const SHELL = /sh[\0 ]-c[\0 ]/;

/**
 * If npm has started this process for a script of package.json: calls back once when npm has ended. There may be a shell
 * between the two: some replace themselves by the program, and others stay, take the signals that npm passes on, and end
 * alone. Whatever else has started this process may end before it. Does nothing on Windows, where the system ends a child with
 * its parent.
 * @param {() => void} onGone
 */
export async function watchNpm(onGone) {
  if (process.platform === 'win32') return;
  const { ppid } = process;
  const parent = await readParent(ppid);
  if (parent === undefined) return;
  // A shell's command line holds the script, in which npm may be a word.
  const npm = SHELL.test(parent.command) ? parent.parent : ppid;
  const starter = npm === ppid ? parent : await readParent(npm);
  if (starter === undefined || !NPM.test(starter.command)) return;
  const isGone = async () => process.ppid !== ppid || (npm !== ppid && (await readParent(ppid))?.parent !== npm);
  const timer = setInterval(async () => {
    if (!(await isGone())) return;
    clearInterval(timer);
    onGone();
  }, LOOK_EVERY_MS).unref();
}

/**
 * The parent and the command line of a process; undefined if there is no such process.
 * @param {number} pid
 * @returns {Promise<{ parent: number, command: string } | undefined>}
 */
async function readParent(pid) {
  try {
    if (process.platform !== 'linux') return await askPs(pid);
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in brackets may hold anything.
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    return { parent, command: readFileSync(`/proc/${pid}/cmdline`, 'utf8') };
  } catch {
    return undefined;
  }
}

/**
 * @param {number} pid
 * @returns {Promise<{ parent: number, command: string } | undefined>}
 */
function askPs(pid) {
  return new Promise((resolve) => {
    execFile('ps', ['-ww', '-o', 'ppid=,command=', '-p', String(pid)], (error, stdout) => {
      const [, parent, command = ''] = /^\s*(\d+)\s+(.*)/.exec(stdout) ?? [];
      resolve(error !== null || parent === undefined ? undefined : { parent: Number(parent), command });
    });
  });
}
