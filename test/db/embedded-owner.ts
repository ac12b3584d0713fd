// Owns a data folder until it is killed: node embedded-owner.ts FOLDER lock|serve. Tells what happened, one JSON line each.
import { acquireDataDirLock, startEmbeddedPostgres } from '../../packages/db/src/embedded/index.ts';
import { queryOnce } from './query.ts';

const [folder = '', task] = process.argv.slice(2);
const tell = (event: object): void => console.log(JSON.stringify(event));
const alive = setInterval(() => undefined, 1000);

try {
  const lock = await acquireDataDirLock(folder, { task });
  await lock.update({ url: 'http://127.0.0.1:7860' });
  tell({ event: 'locked', pid: process.pid });
  if (task === 'serve') {
    const { url, pid, adopted, stop } = await startEmbeddedPostgres({ dataDir: folder });
    process.on('SIGINT', async () => {
      const server = await queryOnce(url, 'select 1').then(
        () => 'answers',
        () => 'is gone',
      );
      tell({ event: 'interrupted', server });
    });
    process.once('SIGTERM', async () => {
      await stop();
      await lock.release();
      tell({ event: 'stopped' });
      clearInterval(alive);
    });
    tell({ event: 'started', url, pid, adopted });
  }
} catch (thrown) {
  const { code, message } = thrown as { code?: string; message: string };
  tell({ event: 'failed', code, message });
  clearInterval(alive);
}
