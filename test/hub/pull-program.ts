import { parseModelRef, pullModel } from '@qwen-edit/hub';

// Pulls a model as `qwen-edit model pull` does, without the rest of the command: it is started and killed a hundred times.
const [endpoint = '', cacheDir = '', model = '', localDir] = process.argv.slice(2);
// Node's own fetch, which is there sooner.
const settings = { endpoint, cacheDir, offline: false, fetch };
const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());
const timing = { firstMs: 20, maxMs: 100, beatMs: 100, deadMs: 2000 };
const { dir } = await pullModel(parseModelRef(model), settings, {
  ...{ localDir, timing },
  signal: stop.signal,
  onProgress: ({ phase, files, filesDone }) => {
    if (phase === 'waiting') process.stdout.write('waiting\n');
    if (phase === 'downloading' && filesDone === files) process.stdout.write('last file\n');
  },
});
process.stdout.write(`${dir}\n`);
