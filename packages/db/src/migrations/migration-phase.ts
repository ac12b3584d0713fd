/**
 * What a migration does to programs of the last version. `expand` adds what they pass over. `migrate` changes rows. `contract`
 * takes away, renames or forbids something, which they may still use.
 */
export type MigrationPhase = 'expand' | 'migrate' | 'contract';

const TAKES_AWAY = [
  /\bdrop\s+(table|column|index|constraint|type|schema|view|trigger|function|sequence)\b/i,
  /\brename\b/i,
  /\balter\s+column\s+\S+\s+(set\s+data\s+)?type\b/i,
  /\balter\s+column\s+\S+\s+set\s+not\s+null\b/i,
];
const CHANGES_ROWS = /^\s*(with\b[\s\S]*\b)?(update|insert|delete|merge|truncate)\b/i;
const COMMENT_LINES = /^\s*--.*$/gm;

/** The phase of a migration with these statements. `needs`: it names what programs must know from then on. */
export function phaseOf(statements: readonly string[], needs: boolean): MigrationPhase {
  const texts = statements.map((statement) => statement.replace(COMMENT_LINES, ''));
  if (needs || texts.some((text) => TAKES_AWAY.some((pattern) => pattern.test(text)))) return 'contract';
  return texts.some(changesRows) ? 'migrate' : 'expand';
}

/** True for a statement that changes rows by itself. */
export function changesRows(statement: string): boolean {
  return CHANGES_ROWS.test(statement.replace(COMMENT_LINES, ''));
}
