import { readFile, writeFile } from 'node:fs/promises';

/**
 * `make-kernel-table.ts OperatorKernels.md SCHEMAS.json REVISION OUT` writes the table of CUDA kernels that a test holds our graphs against.
 * The first is ONNX Runtime's published list, docs/OperatorKernels.md of microsoft/onnxruntime at REVISION. The second has the version
 * that each operator of opset 21 has had last; `pip install onnx`, then:
 *
 *     python -c 'import json, onnx.defs as d; print(json.dumps({s.name: d.get_schema(s.name, 21, "").since_version
 *       for s in d.get_all_schemas_with_history() if s.domain == "" and s.since_version <= 21}))' > SCHEMAS.json
 */
const [list = '', schemas = '', revision = '', out = ''] = process.argv.slice(2);

const OPSET = 21;
/** Operators of ONNX Runtime's own, in whichever domain, have one version. */
const OWN = 1;
const DOMAINS: Readonly<Record<string, string>> = { 'ai.onnx': '', 'com.microsoft': 'com.microsoft' };

/** A kernel: operator, its versions, what constrains each input (of each form that the list gives), and which types that allows. */
export type Kernel = readonly [
  op: string,
  since: number,
  until: number | null,
  forms: readonly (readonly string[])[],
  types: Readonly<Record<string, string>>,
];

const typesOf = (text: string): string => [...text.matchAll(/tensor\((\w+)\)/g)].map(([, type]) => type).join(' ');

/** `in A:**T**<br> *in* B:**tensor(int64)**<br><br>or<br><br>…` -> [['T', 'tensor(int64)'], …] */
const formsOf = (text: string): string[][] =>
  text
    .split('<br><br>or<br><br>')
    .map((form) => [...form.matchAll(/\*in\* \w+:\*\*([^*]+)\*\*/g)].map((match) => match[1] ?? ''));

function versionsOf(text: string): [since: number, until: number | null] {
  const [since = 0, until] = [...text.matchAll(/\d+/g)].map(Number);
  if (text.endsWith('+')) return [since, null];
  return [since, until ?? since];
}

/** ONNX Runtime's rule: a kernel without an end is for the operator's version that it names, and for no later one. */
function serves([since, until]: readonly [number, number | null], version: number): boolean {
  return since === version || (until !== null && since <= version && version <= until);
}

function readKernels(text: string, latest: Readonly<Record<string, number>>): Record<string, Kernel[]> {
  const section = text.slice(text.indexOf('## Operators implemented by CUDA'));
  const end = section.indexOf('## Operators implemented by', 3);
  const kernels: Record<string, Kernel[]> = { '': [], 'com.microsoft': [] };
  let domain: string | undefined;
  let op = '';
  let forms: string[][] = [];
  for (const line of section.slice(0, end === -1 ? undefined : end).split('\n')) {
    const named = /^\|\*\*Operator Domain:\*\* \*([\w.]+)\*/.exec(line);
    if (named !== null) domain = DOMAINS[named[1] ?? ''];
    const row = /^\|([^|]*)\|([^|]*)\|([^|]+)\|([^|]*)\|$/.exec(line);
    if (row === null || named !== null || domain === undefined) continue;
    const [, name = '', parameters = '', versions = '', types = ''] = row;
    if (name !== '') [op, forms] = [name, formsOf(parameters)];
    const [since, until] = versionsOf(versions);
    if (!serves([since, until], domain === '' ? (latest[op] ?? OWN) : OWN)) continue;
    const constraints = types.split('<br/>').map((each) => {
      const [constraint = '', allowed = ''] = each.split(' = ');
      return [constraint.replaceAll('*', '').trim(), typesOf(allowed)] as const;
    });
    kernels[domain]?.push([op, since, until, forms, Object.fromEntries(constraints)]);
  }
  return kernels;
}

const parsed: unknown = JSON.parse(await readFile(schemas, 'utf8'));
const latest = Object.fromEntries(Object.entries(parsed ?? {}).map(([op, version]) => [op, Number(version)]));
const kernels = readKernels(await readFile(list, 'utf8'), latest);
const source = `docs/OperatorKernels.md of microsoft/onnxruntime at ${revision}, CUDAExecutionProvider, what opset ${OPSET} can use`;
const lines = Object.entries(kernels).map(
  ([domain, rows]) => `${JSON.stringify(domain)}: [\n${rows.map((row) => JSON.stringify(row)).join(',\n')}\n]`,
);
await writeFile(out, `{\n"source": ${JSON.stringify(source)},\n"opset": ${OPSET},\n${lines.join(',\n')}\n}\n`);
