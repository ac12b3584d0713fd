import type { Hono } from 'hono';
import type { ApiEnv } from '../context.ts';
import { route } from '../routing.ts';

const EXAMPLE = `curl BASE/edit \\
  -F prompt='Make it gray' \\
  -F image=@photo.jpg`;

const PAGE = (base: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>qwen-edit</title>
<style>
:root { color-scheme: light dark }
body { font: 1rem/1.6 system-ui, sans-serif; max-width: 42rem; margin: 0 auto; padding: 1.5rem }
pre { overflow-x: auto; padding: 1rem; border: 1px solid; border-radius: .5rem }
dt { font-family: ui-monospace, monospace; margin-top: .75rem; overflow-wrap: anywhere }
dd { margin: 0 }
</style>
</head>
<body>
<h1>qwen-edit</h1>
<p>This service edits pictures: send one or several with a prompt, and get the edited picture back.</p>
<pre>${escapeHtml(EXAMPLE.replace('BASE', base))}</pre>
<dl>
<dt>POST /v1/jobs</dt><dd>Submits an edit as a job; answers at once.</dd>
<dt>GET /v1/jobs/{id}</dt><dd>Where it is, and its results.</dd>
<dt>GET /v1/jobs/{id}/events</dt><dd>Its progress, as it happens.</dd>
<dt>POST /edit</dt><dd>Submits an edit and waits for the picture.</dd>
<dt><a href="/v1/models">GET /v1/models</a></dt><dd>The models, their defaults and limits.</dd>
<dt><a href="/health">GET /health</a></dt><dd>The workers.</dd>
</dl>
</body>
</html>
`;

/** Tells a person who comes with a browser what this is. */
export function pageRoutes(app: Hono<ApiEnv>): void {
  route(app, '/', {
    GET: (c) =>
      c.html(PAGE(new URL(c.req.url).origin), 200, {
        'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
      }),
  });
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}
