export const SNIPPET_LANGUAGES = ['curl', 'typescript', 'python'] as const;
export type SnippetLanguage = (typeof SNIPPET_LANGUAGES)[number];

export interface SnippetRequest {
  /** Where the service is reached, without a slash at the end. */
  readonly baseUrl: string;
  /** Of the form or the job, by the API's names. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Names of the pictures' files, in order. */
  readonly pictures: readonly string[];
  /** The job whose pictures the code is to fetch first; undefined where the reader has the files. */
  readonly jobId: string | undefined;
  readonly results: number;
  readonly format: string;
  /** True where the service asks for a key. */
  readonly withKey: boolean;
}

/** Code that makes the same edit and saves its results; it runs as it is. */
export function snippetOf(language: SnippetLanguage, request: SnippetRequest): string {
  if (language === 'curl') return curl(request);
  return language === 'python' ? python(request) : typescript(request);
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const inputUrl = ({ baseUrl, jobId }: SnippetRequest, i: number): string =>
  `${baseUrl}/v1/jobs/${jobId ?? ''}/inputs/${i}`;

function fieldsOf({ parameters }: SnippetRequest): [name: string, value: unknown][] {
  return Object.entries(parameters).filter(([, value]) => value !== undefined);
}

function curl(request: SnippetRequest): string {
  const { baseUrl, pictures, results, format, jobId, withKey } = request;
  const jobs = '"$BASE/v1/jobs';
  const call = (...words: string[]): string => ['curl -fsSL', ...(withKey ? ['-H "$AUTH"'] : []), ...words].join(' ');
  // A field cannot say null; params, which is JSON, can.
  const params = JSON.stringify(Object.fromEntries(fieldsOf(request)));
  const fetched = pictures.map((name, i) => call(`${jobs}/${jobId}/inputs/${i}"`, '-o', shell(name)));
  return [
    `BASE=${shell(baseUrl)}`,
    ...(withKey ? ['AUTH="Authorization: Bearer $QWEN_EDIT_KEY"'] : []),
    '',
    ...(jobId === undefined ? [] : ['# The pictures of this job; take your own instead.', ...fetched, '']),
    `ID=$(${call(`${jobs}"`)} \\`,
    ...pictures.map((name) => `  -F ${shell(`image=@${name}`)} \\`),
    `  --form-string ${shell(`params=${params}`)} |`,
    `  tee /dev/stderr | grep -o 'job_[0-9a-f]*' | head -n 1)`,
    '',
    '# Shows the progress, and ends with the job.',
    `${call('-N', "-H 'Accept: text/event-stream'", `${jobs}/$ID/events"`)} | grep ^event`,
    '',
    ...numbers(results).map((i) => call(`${jobs}/$ID/outputs/${i}"`, '-o', shell(`result-${i + 1}.${format}`))),
  ].join('\n');
}

function shell(text: string): string {
  return /^[\w./:=@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function typescript(request: SnippetRequest): string {
  const { baseUrl, pictures, format, jobId, withKey } = request;
  const headers = withKey ? ', headers' : '';
  const get = withKey ? ', { headers }' : '';
  const parameters = JSON.stringify(Object.fromEntries(fieldsOf(request)), null, 2);
  const take = (name: string, i: number): string =>
    jobId === undefined
      ? `form.append('image', await openAsBlob(${js(name)}), ${js(name)});`
      : `form.append('image', await (await fetch(${js(inputUrl(request, i))}${get})).blob(), ${js(name)});`;
  return `${jobId === undefined ? "import { openAsBlob } from 'node:fs';\n" : ''}import { writeFile } from 'node:fs/promises';

${withKey ? `const headers = { authorization: \`Bearer \${process.env.QWEN_EDIT_KEY}\` };\n` : ''}const jobs = ${js(`${baseUrl}/v1/jobs`)};
const form = new FormData();
${jobId === undefined ? '' : '// The pictures of this job; take your own instead.\n'}${pictures.map(take).join('\n')}
form.append('params', JSON.stringify(${parameters}));

let response = await fetch(jobs, { method: 'POST', body: form${headers} });
let job = await response.json();
if (!response.ok) throw Error(\`\${job.title}: \${job.detail} \${job.hint}\`);
while (job.status === 'queued' || job.status === 'running') {
  await new Promise((resolve) => setTimeout(resolve, 1000));
  response = await fetch(\`\${jobs}/\${job.id}\`${get});
  if (response.ok) job = await response.json();
}
if (job.status !== 'succeeded') throw Error(\`\${job.status}: \${job.error?.message ?? ''}\`);
for (const { index, url } of job.output) {
  const picture = await fetch(url${get});
  await writeFile(\`result-\${index + 1}.${format}\`, new Uint8Array(await picture.arrayBuffer()));
}`;
}

function js(text: string): string {
  return `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
}

function python(request: SnippetRequest): string {
  const { baseUrl, pictures, format, jobId, withKey } = request;
  const fields = fieldsOf(request).map(([name, value]) => `    ${JSON.stringify(name)}: ${pythonValue(value)},`);
  const take = (name: string, i: number): string =>
    jobId === undefined
      ? `    ("image", open(${JSON.stringify(name)}, "rb")),`
      : `    ("image", (${JSON.stringify(name)}, session.get(${JSON.stringify(inputUrl(request, i))}).content)),`;
  return `${withKey ? 'import os\n' : ''}import json
import time

import requests  # pip install requests

jobs = ${JSON.stringify(`${baseUrl}/v1/jobs`)}
session = requests.Session()
${withKey ? 'session.headers["Authorization"] = f"Bearer {os.environ[\'QWEN_EDIT_KEY\']}"\n' : ''}${jobId === undefined ? '' : '# The pictures of this job; take your own instead.\n'}pictures = [
${pictures.map(take).join('\n')}
]
params = {
${fields.join('\n')}
}

response = session.post(jobs, files=pictures, data={"params": json.dumps(params)})
job = response.json()
if not response.ok:
    raise SystemExit(f"{job['title']}: {job['detail']} {job['hint']}")
while job["status"] in ("queued", "running"):
    time.sleep(1)
    job = session.get(f"{jobs}/{job['id']}").json()
if job["status"] != "succeeded":
    raise SystemExit(f"{job['status']}: {(job['error'] or {}).get('message', '')}")
for output in job["output"]:
    picture = session.get(output["url"])
    with open(f"result-{output['index'] + 1}.${format}", "wb") as file:
        file.write(picture.content)`;
}

function pythonValue(value: unknown): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return JSON.stringify(value);
}
