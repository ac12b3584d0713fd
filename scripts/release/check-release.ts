import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Everything about a tree that has to be said in one version, and is not: a sentence each. */
export async function releaseProblems(root: string, tag: string): Promise<readonly string[]> {
  const [, version] = /^v(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)$/.exec(tag) ?? [];
  if (version === undefined) return [`The tag ${tag} is no version such as v1.2.3.`];
  const read = (path: string): Promise<string> => readFile(join(root, path), 'utf8');
  const manifests = await manifestsOf(root);
  return [
    ...(await Promise.all(manifests.map(async (path) => manifestProblems(path, await read(path), version)))).flat(),
    ...lockProblems(await read('package-lock.json'), manifests, version),
    ...changelogProblems(await read('CHANGELOG.md'), version),
    ...labelProblems(await read('infra/docker/Dockerfile'), version),
    ...chartProblems(await read('infra/helm/qwen-edit/Chart.yaml'), version),
    ...listProblems(await read('releases.json'), version),
  ];
}

/** What CHANGELOG.md says of a version. Throws if it says nothing. */
export function releaseNotes(changelog: string, version: string): string {
  const text = changelog
    .split(/^## /m)
    .find((section) => section.startsWith(`${version} - `))
    ?.replace(/^.*\n/, '')
    .trim();
  if (text === undefined || text === '') throw new Error(`CHANGELOG.md says nothing of ${version}.`);
  return `${text}\n`;
}

interface Release {
  readonly version: string;
  readonly date: string;
}

interface Manifest {
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

async function manifestsOf(root: string): Promise<string[]> {
  const folders = await Promise.all(
    ['apps', 'packages'].map(async (room) =>
      (await readdir(join(root, room), { withFileTypes: true }))
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => `${room}/${name}/package.json`),
    ),
  );
  return ['package.json', ...folders.flat().sort()];
}

function manifestProblems(path: string, text: string, version: string): string[] {
  const manifest: Manifest = JSON.parse(text);
  const others = Object.entries(manifest.dependencies ?? {}).filter(
    ([name, wanted]) => name.startsWith('@qwen-edit/') && wanted !== version,
  );
  return [
    ...(manifest.version === version ? [] : [`${path} says version ${manifest.version}, not ${version}.`]),
    ...others.map(([name, wanted]) => `${path} wants ${name} in version ${wanted}, not ${version}.`),
  ];
}

function lockProblems(text: string, manifests: readonly string[], version: string): string[] {
  const { packages }: { packages: Readonly<Record<string, Manifest>> } = JSON.parse(text);
  return manifests
    .map((path) => path.replace(/\/?package\.json$/, ''))
    .filter((folder) => packages[folder]?.version !== version)
    .map(
      (folder) =>
        `package-lock.json says version ${packages[folder]?.version} of ${folder || 'the whole'}, not ${version}: run npm install.`,
    );
}

function changelogProblems(text: string, version: string): string[] {
  const sections = text.split(/^## /m).slice(1);
  const unreleased = sections.find((section) => section.startsWith('Unreleased'));
  const [first = ''] = sections.filter((section) => !section.startsWith('Unreleased'));
  const heading = new RegExp(`^${version.replaceAll('.', '\\.')} - \\d{4}-\\d\\d-\\d\\d\n`);
  return [
    ...(heading.test(first) ? [] : [`The newest release in CHANGELOG.md is not "## ${version} - " and a date.`]),
    ...(unreleased?.replace('Unreleased', '').trim() ? ['CHANGELOG.md has changes under "Unreleased".'] : []),
  ];
}

function labelProblems(text: string, version: string): string[] {
  const said = /org\.opencontainers\.image\.version="([^"]*)"/.exec(text)?.[1];
  return said === version ? [] : [`infra/docker/Dockerfile labels the images ${said}, not ${version}.`];
}

function chartProblems(text: string, version: string): string[] {
  return ['version', 'appVersion'].flatMap((key) => {
    const said = new RegExp(`^${key}: *"?([^"\\s]+)"?`, 'm').exec(text)?.[1];
    return said === version ? [] : [`infra/helm/qwen-edit/Chart.yaml says ${key} ${said}, not ${version}.`];
  });
}

/** The commit of a release is known after it: its row follows in the next commit, and tests then run its code as the last release. */
function listProblems(text: string, version: string): string[] {
  const releases: readonly Release[] = JSON.parse(text);
  return releases
    .filter((release) => compareVersions(release.version, version) >= 0)
    .map((release) => `releases.json has ${release.version} already: ${version} has to be newer.`);
}

/** Negative if `a` is the older version. A version with a suffix, as 1.0.0-rc.1, is older than without. */
function compareVersions(a: string, b: string): number {
  const [coreA = '', suffixA] = a.split(/-(.*)/);
  const [coreB = '', suffixB] = b.split(/-(.*)/);
  const core = coreA.localeCompare(coreB, 'en', { numeric: true });
  if (core !== 0 || suffixA === suffixB) return core;
  if (suffixA === undefined || suffixB === undefined) return suffixA === undefined ? 1 : -1;
  return suffixA.localeCompare(suffixB, 'en', { numeric: true });
}
