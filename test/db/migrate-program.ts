/** Migrates the database at the first argument by the folder at the second, and prints each event as a line. Killed by tests. */
import { createDatabase, migrateDatabase } from '../../packages/db/src/index.ts';

const [url = '', folder = ''] = process.argv.slice(2);
const database = createDatabase({ url, max: 2 });
const applied = await migrateDatabase(database, {
  folder,
  lockTimeoutMs: 200,
  onEvent: (event) => console.log(JSON.stringify(event)),
});
console.log(JSON.stringify({ kind: 'ended', applied }));
await database.close();
