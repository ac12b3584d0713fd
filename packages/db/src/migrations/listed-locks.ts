import type { TableEffect } from './observe-statement.ts';

interface Rule {
  readonly form: RegExp;
  /** In the order of the groups of `form`, each a table. */
  readonly effects: readonly Omit<TableEffect, 'table'>[];
}

const NAME = String.raw`(?:"?public"?\.)?"?(\w+)"?`;
const form = (text: string): RegExp => new RegExp(text.replaceAll('NAME', NAME).replaceAll(' ', String.raw`\s+`), 'i');
const effect = (lock: TableEffect['locks'][number], does: 'reads' | 'rewrites' | 'nothing' = 'nothing') => ({
  locks: [lock],
  rewrites: does === 'rewrites',
  reads: does !== 'nothing',
});

/**
 * What PostgreSQL's documentation says of the statements that migrations are made of; the first that fits is taken. Of what is
 * not among them the worst is assumed.
 */
const RULES: readonly Rule[] = [
  {
    form: form('^create (?:unique )?index concurrently .*?on NAME'),
    effects: [effect('SHARE UPDATE EXCLUSIVE', 'reads')],
  },
  { form: form('^create (?:unique )?index .*?on NAME'), effects: [effect('SHARE', 'reads')] },
  {
    form: form(String.raw`^alter table NAME add constraint \S+ foreign key[\s\S]*references NAME`),
    effects: [effect('SHARE ROW EXCLUSIVE', 'reads'), effect('SHARE ROW EXCLUSIVE')],
  },
  { form: form('^alter table NAME validate constraint'), effects: [effect('SHARE UPDATE EXCLUSIVE', 'reads')] },
  // A default that is computed for each row rewrites the table; these are not.
  {
    form: form(
      String.raw`^alter table NAME add column "?\w+"? [\w ]+(?:\[\])?(?: default (?:now\(\)|-?\d+|true|false|'[^']*'))?(?: not null)?;?$`,
    ),
    effects: [effect('ACCESS EXCLUSIVE')],
  },
  { form: form('^alter table NAME drop'), effects: [effect('ACCESS EXCLUSIVE')] },
  { form: form(String.raw`^alter table NAME add constraint[\s\S]* not valid`), effects: [effect('ACCESS EXCLUSIVE')] },
  { form: form('^alter table NAME'), effects: [effect('ACCESS EXCLUSIVE', 'rewrites')] },
  { form: form('^drop table NAME'), effects: [effect('ACCESS EXCLUSIVE')] },
  { form: form('^(?:update|insert into|delete from) NAME'), effects: [effect('ROW EXCLUSIVE')] },
];

/** What a statement does to tables, by its text alone. undefined for one whose form is not known. */
export function listedEffects(statement: string): readonly TableEffect[] | undefined {
  const text = statement.replace(/^\s*--.*$/gm, '').trim();
  if (/^create\s+table\b/i.test(text)) return [];
  for (const rule of RULES) {
    const tables = rule.form.exec(text)?.slice(1);
    if (tables === undefined) continue;
    return rule.effects.flatMap((each, n) => {
      const table = tables[n];
      return table === undefined ? [] : [{ table, ...each }];
    });
  }
  return undefined;
}
