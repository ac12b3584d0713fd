import { precisionNamed } from '../../packages/pipeline/src/engine/precision.ts';
import { openModelFolder } from '../../packages/pipeline/src/hub/model-folder.ts';
import { prepareWeights } from '../../packages/pipeline/src/prepared/prepare-weights.ts';
import { versions } from '../../packages/pipeline/src/versions.ts';

// Prepares the weights of a model as an engine does, without the rest of it: it is started and killed many times.
const [dir = '', weightCacheDir = ''] = process.argv.slice(2);
const prepared = await prepareWeights(dir, await openModelFolder(dir), precisionNamed('w8a8'), {
  weightCacheDir,
  threads: 2,
  runtime: versions()['onnxruntime-node'],
  pause: () => new Promise((resolve) => setImmediate(resolve)),
  onProgress: (made, total) => process.stdout.write(`made ${made} of ${total}\n`),
});
process.stdout.write(`${prepared?.folder}\n`);
