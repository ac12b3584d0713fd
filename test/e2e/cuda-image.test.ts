import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { environment } from '../config.ts';
import { CLOSED, docker, readBom } from './containers.ts';

const IMAGE = 'qwen-edit-worker-cuda:local';
const isBuilt = await docker(['image', 'inspect', IMAGE]).then(
  () => true,
  () => false,
);
const hasCard = environment.QWEN_EDIT_TEST_DEVICE === 'cuda';

/** Opens a session on the first card, and says how it ends. */
const OPEN = `
  const { deviceNamed } = await import('/app/packages/pipeline/src/engine/devices.ts');
  const { createGraphSession } = await import('/app/packages/pipeline/src/engine/session.ts');
  const { createGraph } = await import('/app/packages/pipeline/src/onnx/graph.ts');
  const g = createGraph('sum');
  const x = g.input('x', [2]);
  g.output('y', g.op('Add', [x, x]), [2]);
  try {
    const session = await createGraphSession(g, { device: deviceNamed('cuda'), threads: 1, root: '/' });
    const { y } = await session.run({ x: { data: Float32Array.of(1, 2), dims: [2] } });
    console.log(JSON.stringify({ sum: Array.from(y.data) }));
  } catch ({ code, message, hint }) {
    console.log(JSON.stringify({ code, message, hint }));
  }
`;

// Two GB to download: it is built by hand.
describe.runIf(isBuilt)('the image worker-cuda, where it was built', () => {
  it('has all libraries but those of the driver: it computes on a card, and asks for the driver where there is none', async () => {
    const cards = hasCard ? ['--gpus', 'all'] : [];
    const given = ['--rm', '--network', 'none', ...CLOSED, ...cards, '--entrypoint', 'node', IMAGE];
    const said = await docker(['run', ...given, '--no-warnings', '--input-type=module', '-e', OPEN]);
    expect(JSON.parse(said)).toEqual(
      hasCard
        ? { sum: [2, 4] }
        : {
            code: 'device_unavailable',
            message: expect.stringMatching(/^The driver of NVIDIA is missing: the system has no libcuda\.so\.1\./),
            hint: expect.stringContaining('--gpus all'),
          },
    );
  });

  it('it lists the files of PyPI too, with their versions and digests', async () => {
    const asked = await readFile(join(import.meta.dirname, '../../infra/docker/cuda-requirements.txt'), 'utf8');
    const pinned = [...asked.matchAll(/^([\w-]+)==(\S+) --hash=sha256:(\w+)$/gm)].map(([, name, version, digest]) => ({
      purl: `pkg:pypi/${name}@${version}`,
      hashes: [{ alg: 'SHA-256', content: digest }],
    }));
    expect(pinned.length).toBeGreaterThan(3);
    const { components } = await readBom(IMAGE);
    expect(components.filter(({ purl }) => purl.startsWith('pkg:pypi/'))).toMatchObject(pinned);
  });
});
