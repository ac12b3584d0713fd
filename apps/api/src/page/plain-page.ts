import { createHash } from 'node:crypto';
import type { EditKind, ServedModel } from '@qwen-edit/contract';

const STYLE = `
:root { color-scheme: light dark }
body { font: 1rem/1.6 system-ui, sans-serif; max-width: 42rem; margin: 0 auto; padding: 1.5rem }
pre { overflow-x: auto; padding: 1rem; border: 1px solid; border-radius: .5rem }
dt { font-family: ui-monospace, monospace; margin-top: .75rem; overflow-wrap: anywhere }
dd { margin: 0 }
table { border-collapse: collapse; width: 100% }
th, td { text-align: start; vertical-align: top; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid }
th { font-weight: 600 }
`;

/** The hash of the only inline style. The Content-Security-Policy has to allow it. Source: CSP 3, section 2.3.1. */
export const PLAIN_STYLE_HASH = `'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`;

const EXAMPLE = `curl BASE/edit \\
  -F prompt='PROMPT' \\
  -F image=@photo.jpg`;

/** A whole page that needs no scripts: what this service is, the edits that its models know, and how to call it. */
export function plainPage(base: string, models: readonly ServedModel[]): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>qwen-edit</title>
</head>
<body>
${plainContent(base, models)}</body>
</html>
`;
}

/** The same content without the page around it, to be put into another page for browsers without scripts. */
export function plainContent(base: string, models: readonly ServedModel[]): string {
  return `<style>${STYLE}</style>
<h1>qwen-edit</h1>
<p>This service edits pictures: send one or several with a prompt, and get the edited picture back.</p>
<pre>${escapeHtml(exampleOf(base, models))}</pre>
${models.map(modelSection).join('')}<dl>
<dt>POST /v1/jobs</dt><dd>Submits an edit as a job; answers at once.</dd>
<dt>GET /v1/jobs/{id}</dt><dd>Where it is, and its results.</dd>
<dt>GET /v1/jobs/{id}/events</dt><dd>Its progress, as it happens.</dd>
<dt>POST /edit</dt><dd>Submits an edit and waits for the picture.</dd>
<dt><a href="/v1/models">GET /v1/models</a></dt><dd>The models, the edits they know, their defaults and limits.</dd>
<dt><a href="/health">GET /health</a></dt><dd>The workers.</dd>
</dl>
`;
}

function exampleOf(base: string, models: readonly ServedModel[]): string {
  const known = models.flatMap(({ edits }) => edits).find(({ pictures }) => pictures === 1);
  const prompt = (known?.prompts.en[0] ?? 'Make it gray').replaceAll("'", "'\\''");
  return EXAMPLE.replace('BASE', () => base).replace('PROMPT', () => prompt);
}

/** An empty text for a model that says nothing of itself. */
function modelSection({ id, demo, summary, full_model, edits }: ServedModel): string {
  const note = demo ? 'This is a demo model: its edits are not those of the real one.' : undefined;
  const facts = [summary?.en ?? note, summary?.zh, full_model?.en, full_model?.zh].filter((fact) => fact !== undefined);
  if (facts.length === 0 && edits.length === 0) return '';
  return `<h2>${escapeHtml(demo ? `${id} (demo)` : id)}</h2>
${facts.map((fact) => `<p>${escapeHtml(fact)}</p>\n`).join('')}${edits.length === 0 ? '' : editTable(edits)}`;
}

function editTable(edits: readonly EditKind[]): string {
  const row = ({ title, prompts: { en, zh }, pictures }: EditKind): string => {
    const count = pictures === 1 ? '' : ` (${pictures} pictures)`;
    const cells = [`${title.en} ${title.zh}${count}`, en[0] ?? '', zh[0] ?? ''].map(escapeHtml);
    return `<tr><th scope="row">${cells[0]}</th><td>${cells[1]}</td><td lang="zh">${cells[2]}</td></tr>\n`;
  };
  return `<table>
<thead><tr><th>Edits that it knows</th><th>for example</th><th lang="zh">例如</th></tr></thead>
<tbody>
${edits.map(row).join('')}</tbody>
</table>
`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}
