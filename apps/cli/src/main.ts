import { constants, getPriority, setPriority } from 'node:os';
import { createInterface } from 'node:readline/promises';
import { demoModelDir } from '@qwen-edit/demo-model';
import packageJson from '../package.json' with { type: 'json' };
import { type Config, type Overrides, readConfig, unknownSettings } from './config.ts';
import { dispatch } from './dispatch.ts';
import { unknownSettingText } from './unknown-settings.ts';

const abort = new AbortController();
let stoppedBy: 'SIGINT' | 'SIGTERM' | 'SIGHUP' | undefined;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    stoppedBy ??= signal;
    abort.abort();
  });
}

// A reader that went away (`| head`) is no reason to fail: the pictures are files.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') process.exit(1);
  });
}

const code = await dispatch(process.argv.slice(2), {
  terminal: {
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
    errIsTty: process.stderr.isTTY === true,
    // A terminal that doesn't know its size says 0.
    columns: () => process.stderr.columns || 80,
  },
  version: packageJson.version,
  confirm: process.stdin.isTTY === true ? confirm : undefined,
  readConfig: readSettings,
  setNice,
  demoModelDir,
  // Loaded late, so that --help and wrong flags are answered at once.
  createPipeline: async (options) => (await import('@qwen-edit/pipeline')).createPipeline(options),
  now: () => performance.now(),
  signal: abort.signal,
});

// An edit that ended before the signal came has its files and counts as done.
const stopped = stoppedBy !== undefined && code !== 0;
if (!stopped) await flushed(process.stdout);
// exit() rather than waiting: an engine that is still loading must not hold a stopped command.
process.exit(stopped && stoppedBy !== undefined ? 128 + constants.signals[stoppedBy] : code);

/**
 * An unknown setting is no error: the version before this one has to start on the settings of this one when an upgrade is taken
 * back. But whoever has mistyped one is told at each start.
 */
function readSettings(overrides?: Overrides): Config {
  const unknown = unknownSettings().map(unknownSettingText);
  process.stderr.write(unknown.join(''));
  return readConfig(undefined, overrides);
}

/** Anything but a yes is a no, and so is Ctrl-C. */
async function confirm(question: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  try {
    return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `, { signal: abort.signal })).trim());
  } finally {
    lines.close();
  }
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed) resolve();
    else stream.write('', () => resolve());
  });
}

function setNice(added: number): void {
  try {
    setPriority(Math.max(-20, Math.min(19, getPriority() + added)));
  } catch {
    // Only root may become more urgent; the edit works all the same.
  }
}
