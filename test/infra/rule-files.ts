import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

export const ROOT: string = join(import.meta.dirname, '../..');
const FOLDER = join(ROOT, 'infra/prometheus/rules');

const ruleSchema = z.object({
  record: z.string().optional(),
  alert: z.string().optional(),
  expr: z.string(),
  for: z.string().optional(),
  labels: z.record(z.string(), z.string()).default({}),
  annotations: z.record(z.string(), z.string()).default({}),
});
const ruleFileSchema = z.object({ groups: z.array(z.object({ name: z.string(), rules: z.array(ruleSchema) })) });
const testFileSchema = z.object({
  group_eval_order: z.array(z.string()),
  tests: z.array(
    z.object({
      name: z.string(),
      input_series: z.array(z.object({ series: z.string() })),
      alert_rule_test: z
        .array(z.object({ alertname: z.string(), exp_alerts: z.array(z.unknown()).default([]) }))
        .default([]),
    }),
  ),
});

export type Rule = z.output<typeof ruleSchema>;

async function yamlFilesOf(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.endsWith('.yml')).map((name) => join(folder, name));
}

/** The paths of the rules, and of promtool's tests of them. */
export const RULE_FILES: readonly string[] = await yamlFilesOf(FOLDER);
export const RULE_TEST_FILES: readonly string[] = await yamlFilesOf(join(FOLDER, 'tests'));

const readYaml = async (path: string): Promise<unknown> => parse(await readFile(path, 'utf8'));

export const RULE_GROUPS = (
  await Promise.all(RULE_FILES.map(async (path) => ruleFileSchema.parse(await readYaml(path)).groups))
).flat();
const RULES: readonly Rule[] = RULE_GROUPS.flatMap(({ rules }) => rules);
export const ALERTS: readonly (Rule & { readonly alert: string })[] = RULES.flatMap((rule) =>
  rule.alert === undefined ? [] : [{ ...rule, alert: rule.alert }],
);
/** By the name of the series. */
export const RECORDED: ReadonlySet<string> = new Set(RULES.flatMap(({ record }) => record ?? []));
export const EXPRESSIONS: readonly string[] = RULES.map(({ expr }) => expr);
export const RULE_TESTS = await Promise.all(
  RULE_TEST_FILES.map(async (path) => testFileSchema.parse(await readYaml(path))),
);
