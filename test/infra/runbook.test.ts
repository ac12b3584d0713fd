import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readSourceFiles } from '../../scripts/rules/source-files.ts';
import { freshDatabase } from '../db/harness.ts';
import { ALERTS, ROOT } from './rule-files.ts';

const runbook = await readFile(join(ROOT, 'docs/runbook.md'), 'utf8');
const sections = new Map(
  runbook
    .split(/^## /m)
    .slice(1)
    .map((section) => [section.slice(0, section.indexOf('\n')), section]),
);

it('each alert has a section, and each section an alert', () => {
  expect([...sections.keys()]).toEqual(ALERTS.map(({ alert }) => alert));
});

it('each section says what it means, what users notice, how to find the cause, what to do, and when it is over', () => {
  for (const [name, section] of sections)
    for (const part of ['**Means.**', '**Users notice**', '**Find the cause', '**Over when**'])
      expect(section, name).toContain(part);
});

it('each statement of the runbook runs on the database of this version, and only reads', async () => {
  const { pool } = await freshDatabase();
  const statements = [...runbook.matchAll(/^```sql\n([\s\S]*?)^```/gm)].map(([, statement = '']) => statement);
  expect(statements.length).toBeGreaterThan(15);
  const client = await pool.connect();
  try {
    await client.query('begin read only');
    for (const statement of statements) await client.query(statement);
    await client.query('rollback');
  } finally {
    client.release();
  }
});

it('each line of the log that the runbook names is one that the program writes', async () => {
  const files = await readSourceFiles(ROOT);
  const program = files
    .filter(({ path }) => /^(apps|packages)\/.*(?<!\.test)\.ts$/.test(path))
    .map(({ text }) => text)
    .join('');
  // Words with blanks between that are no command, query or code.
  const lines = [...runbook.matchAll(/`([a-z]+(?:,? [a-z-]+){2,})`/g)].map(([, line = '']) => line);
  const named = lines.filter((line) => !/^(qwen-edit|kubectl|docker|curl|jq|psql) /.test(line));
  expect(named).toEqual(expect.arrayContaining(['a lease has run out', 'a loop has failed, trying again']));
  for (const line of named) expect(program, line).toContain(`'${line}'`);
});

it('each command of the runbook is one that docs/command.md describes', async () => {
  const commands = await readFile(join(ROOT, 'docs/command.md'), 'utf8');
  const named = [...runbook.matchAll(/`qwen-edit ((?:keys|model|plan) [a-z]+|[a-z]+)/g)].map(([, name = '']) => name);
  expect(new Set(named).size).toBeGreaterThan(8);
  for (const name of named)
    expect(commands, name).toMatch(new RegExp(`qwen-edit (${name}\\b|.*\`${name.split(' ')[0]}\`)`));
});

it('each variable of the runbook is a setting', async () => {
  const settings = await readFile(join(ROOT, 'docs/configuration.md'), 'utf8');
  for (const [name] of runbook.matchAll(/\b(QWEN_EDIT_[A-Z_0-9]+|DATABASE_[A-Z_]+)\b/g))
    expect(settings).toContain(name);
});
