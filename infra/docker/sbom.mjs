// Writes what an image holds as CycloneDX 1.5, on standard output. It runs in a stage that is built on the image: Debian's packages, Node,
// the npm packages that are really there, and the libraries that some of them bring.
//   node sbom.mjs NPM-SBOM PACKAGE-JSON [PIP-REQUIREMENTS]
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [npmFile, packageFile, wheelsFile] = process.argv.slice(2);
const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));
const NODE_MODULES = '/app/node_modules';
/** Of our own code: they are what the whole describes. */
const OWN = '@qwen-edit';

const component = (type, name, version, purl, more = {}) => ({ type, 'bom-ref': purl, name, version, purl, ...more });
/** Libraries inside another component, which no package manager knows of. */
const inside = (versions) =>
  Object.entries(versions).map(([name, version]) => ({
    type: 'library',
    name,
    version,
    purl: `pkg:generic/${name}@${version}`,
  }));

/** Every installed npm package as NAME@VERSION, with its folder. */
function* installedPackages(folder) {
  for (const entry of readdirSync(folder)) {
    if (entry.startsWith('.') || entry === OWN) continue;
    const path = join(folder, entry);
    if (entry.startsWith('@')) {
      yield* installedPackages(path);
      continue;
    }
    const manifest = join(path, 'package.json');
    if (!existsSync(manifest)) continue;
    const { name, version } = readJson(manifest);
    yield [`${name}@${version}`, path];
    const nested = join(path, 'node_modules');
    if (existsSync(nested)) yield* installedPackages(nested);
  }
}

function npmComponents() {
  const { components } = readJson(npmFile);
  const known = new Map(components.map((each) => [each['bom-ref'], each]));
  return [...new Map(installedPackages(NODE_MODULES))].map(([ref, path]) => {
    const found = known.get(ref);
    if (found === undefined) throw new Error(`npm does not know of ${ref}, which is in the image.`);
    const { properties: _empty, ...rest } = found;
    const versions = join(path, 'versions.json');
    return {
      ...rest,
      'bom-ref': rest.purl,
      ...(existsSync(versions) ? { components: inside(readJson(versions)) } : {}),
    };
  });
}

function debianComponents() {
  const release = /^VERSION_ID="?(\d+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  const format = `${['Package', 'Version', 'Architecture'].map((name) => `\${${name}}`).join('\t')}\n`;
  const lines = execFileSync('dpkg-query', ['--show', '--showformat', format], { encoding: 'utf8' })
    .trimEnd()
    .split('\n');
  return lines.map((line) => {
    const [name, version, arch] = line.split('\t');
    const purl = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${arch}&distro=debian-${release}`;
    return component('library', name, version, purl);
  });
}

function nodeComponent() {
  // The others are numbers of interfaces.
  const { node, modules: _modules, napi: _napi, ...libraries } = process.versions;
  return component('application', 'node', node, `pkg:generic/node@${node}`, { components: inside(libraries) });
}

/** Each line pins a wheel by its version and its digest. */
function wheelComponents() {
  if (wheelsFile === undefined) return [];
  return [...readFileSync(wheelsFile, 'utf8').matchAll(/^([\w-]+)==(\S+) --hash=sha256:(\w+)/gm)].map(
    ([, name, version, content]) =>
      component('library', name, version, `pkg:pypi/${name}@${version}`, { hashes: [{ alg: 'SHA-256', content }] }),
  );
}

const { version } = readJson(packageFile);
const bom = {
  bomFormat: 'CycloneDX',
  specVersion: '1.5',
  version: 1,
  metadata: {
    component: component('application', 'qwen-edit', version, `pkg:generic/qwen-edit@${version}`, {
      licenses: [{ license: { id: 'Apache-2.0' } }],
    }),
  },
  components: [nodeComponent(), ...npmComponents(), ...wheelComponents(), ...debianComponents()],
};
process.stdout.write(`${JSON.stringify(bom, undefined, 1)}\n`);
