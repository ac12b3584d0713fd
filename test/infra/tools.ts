import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { environment } from '../config.ts';
import { leaveOut } from '../services.ts';

const run = promisify(execFile);

/** The programs of `infra/tools.sh`, and kubectl. */
export type Tool = 'actionlint' | 'helm' | 'kubeconform' | 'kubectl' | 'prometheus' | 'promtool' | 'vrl';

/** Where `infra/tools.sh` puts them. The definitions of foreign resources lie in `crds` there. */
export const TOOLS_FOLDER: string =
  environment.QWEN_EDIT_TEST_TOOLS || join(environment.XDG_CACHE_HOME || join(homedir(), '.cache'), 'qwen-edit-tools');

/**
 * A cluster's API server that the tests may write to, as the path of a kubeconfig. Nothing need be scheduled there. It knows the
 * definitions of `infra/tools.sh`.
 */
export const KUBECONFIG: string | undefined = environment.QWEN_EDIT_TEST_KUBECONFIG || undefined;

/** A folder of JSON schemas for kubeconform, where the ones on the Internet cannot be reached. */
export const KUBE_SCHEMAS: string | undefined = environment.QWEN_EDIT_TEST_KUBE_SCHEMAS || undefined;

/** The suites that need these programs: all of them, or none where one is missing, which is said. In CI that is an error. */
export async function toolSuites<T>(tools: readonly Tool[], suites: readonly T[]): Promise<readonly T[]> {
  for (const tool of tools) {
    if ((await findTool(tool)) === undefined) return leftOut(`${tool} is not here: infra/tools.sh compiles it`);
  }
  return suites;
}

/** The suites that need a cluster's API server: all of them, or none where there is none, which is said. In CI that is an error. */
export async function clusterSuites<T>(suites: readonly T[]): Promise<readonly T[]> {
  if (KUBECONFIG === undefined) return leftOut('QWEN_EDIT_TEST_KUBECONFIG names no API server of Kubernetes');
  return toolSuites(['kubectl', 'helm'], suites);
}

async function leftOut(why: string): Promise<readonly never[]> {
  await leaveOut('tests of infra/', why);
  return [];
}

/** Runs a program of `infra/tools.sh` and gives its standard output. Rejects, with both outputs, if it fails. */
export async function runInfraTool(tool: Tool, args: readonly string[], cwd?: string): Promise<string> {
  const path = await findTool(tool);
  if (path === undefined) throw new Error(`${tool} is not here.`);
  const { stdout } = await run(path, args, { cwd, maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}

/** The path of a program; undefined if it is not here. */
export async function findTool(tool: Tool): Promise<string | undefined> {
  const folders = [TOOLS_FOLDER, ...(environment.PATH ?? '').split(delimiter)];
  for (const path of folders.map((folder) => join(folder, tool))) {
    const there = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (there) return path;
  }
  return undefined;
}
