import {
  hindrancesOf,
  laterSchemaText,
  type MigrationPlan,
  type PlannedStatement,
  type PlannedTable,
} from '@qwen-edit/db';

const [KIB, MIB] = [2 ** 10, 2 ** 20];

/** The plan for people: each statement, the locks that it takes, and what they keep the service from. */
export function migrationPlanText(plan: MigrationPlan): string {
  const { applied, pending, later } = plan;
  const lines = [
    applied.length === 0
      ? 'Nothing is applied yet.'
      : `Applied: ${applied.length} ${applied.length === 1 ? 'migration' : 'migrations'}, the newest is ${applied.at(-1)}.`,
    ...(later === undefined
      ? []
      : [`${laterSchemaText(plan)} It ${later.usable ? 'may' : 'must not'} be used by this one.`]),
  ];
  if (pending.length === 0) return `${[...lines, `Nothing is pending (${plan.known}).`].join('\n')}\n`;
  lines.push(`Pending: ${pending.length}, in this order. ${sourceText(plan)}`);
  for (const { tag, phase, needs, concurrently, statements } of pending) {
    const how = concurrently ? 'each statement by itself, outside of a transaction' : 'one transaction';
    lines.push('', `${tag}  (${phase}; ${how})`);
    if (needs !== undefined) {
      lines.push(`  Programs that do not know ${needs} are refused from then on. Stop them before.`);
    }
    for (const [n, statement] of statements.entries()) {
      const [first = '', ...rest] = statement.sql.split('\n');
      lines.push(`  ${String(n + 1).padStart(2)}  ${first}`, ...rest.map((line) => `      ${line}`));
      lines.push(...effectLines(statement).map((line) => `      -> ${line}`));
    }
  }
  const hindrances = hindrancesOf(plan).length;
  lines.push(
    '',
    hindrances === 0
      ? 'No statement holds the service up.'
      : `${hindrances} ${hindrances === 1 ? 'statement holds' : 'statements hold'} the service up, or may. Run them when little is going on.`,
  );
  return `${lines.join('\n')}\n`;
}

function sourceText({ source, detail }: MigrationPlan): string {
  switch (source) {
    case 'server':
      return `Locks are those that PostgreSQL ${detail} took in an empty scratch database on the same server.`;
    case 'embedded':
      return `Locks are those that PostgreSQL ${detail} took here, in an empty database: the user may create none on the server.`;
    case 'list':
      return `Locks are from a list and were not tried out, because no scratch database could be had (${detail}).`;
  }
}

function effectLines({ tables, known, changesRows }: PlannedStatement): string[] {
  if (!known) return ['its locks are not known: it is on no list, and was not tried out'];
  if (tables.length === 0) return ['locks nothing that is there now'];
  return tables.map((table) => {
    const does = table.rewrites ? 'writes it anew' : table.reads ? 'reads all of it' : 'neither reads nor rewrites it';
    const rows = table.rows === undefined ? 'rows not counted' : `${table.rows.toLocaleString('en')} rows`;
    const size = `${rows}, ${sizeText(table.bytes)}`;
    return `${table.table} (${size}): ${table.locks.join(', ')}; ${does}; ${blocksText(table, changesRows)}`;
  });
}

function sizeText(bytes: number): string {
  return bytes < MIB ? `${Math.ceil(bytes / KIB)} KiB` : `${Math.round(bytes / MIB).toLocaleString('en')} MiB`;
}

function blocksText({ blocks, reads, rewrites, locks }: PlannedTable, changesRows: boolean): string {
  if (blocks === 'nothing') {
    return changesRows && locks.includes('ROW EXCLUSIVE')
      ? 'blocks changes of the rows that it changes, until the migration ends'
      : 'blocks nobody';
  }
  const what = blocks === 'schema changes' ? 'blocks other changes of the schema, and no traffic' : `blocks ${blocks}`;
  return `${what}, ${reads || rewrites ? `for as long as it ${rewrites ? 'rewrites' : 'reads'} the table` : 'for a moment'}`;
}

/** The plan for programs, one JSON object. */
export function migrationPlanJson(plan: MigrationPlan): string {
  const hindrances = new Set(hindrancesOf(plan));
  return `${JSON.stringify({
    known: plan.known,
    applied: plan.applied,
    later:
      plan.later === undefined
        ? null
        : { tag: plan.later.tag ?? null, version: plan.later.version ?? null, usable: plan.later.usable },
    source: plan.pending.length === 0 ? null : { kind: plan.source, detail: plan.detail },
    holds_up: hindrances.size > 0,
    pending: plan.pending.map(({ tag, phase, needs, concurrently, statements }) => ({
      tag,
      phase,
      needs: needs ?? null,
      in_transaction: !concurrently,
      statements: statements.map((statement) => ({
        sql: statement.sql,
        locks_known: statement.known,
        changes_rows: statement.changesRows,
        holds_up: hindrances.has(statement),
        tables: statement.tables.map(({ table, locks, rewrites, reads, rows, bytes, blocks, holdsUp }) => ({
          ...{ table, locks, rewrites, reads, rows: rows ?? null, bytes, blocks },
          holds_up: holdsUp,
        })),
      })),
    })),
  })}\n`;
}
