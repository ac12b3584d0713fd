import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dashboardFiles } from './all.ts';

/** node scripts/grafana/make.ts: writes infra/grafana/dashboards anew. */
const folder = join(import.meta.dirname, '../../infra/grafana/dashboards');
const files = dashboardFiles();
await mkdir(folder, { recursive: true });
for (const name of await readdir(folder)) if (!files.has(name)) await rm(join(folder, name));
for (const [name, text] of files) await writeFile(join(folder, name), text);
