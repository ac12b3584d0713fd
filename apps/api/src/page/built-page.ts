import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';

/** A file of the page, ready to be sent. */
export interface PageAsset {
  readonly bytes: Buffer;
  readonly mediaType: string;
  /** How the bytes are compressed; undefined if they are not. */
  readonly encoding: 'br' | 'gzip' | undefined;
  /** With its quotes. */
  readonly etag: string;
}

/** The page that was built from apps/web. The files are read for each answer, so that a new build needs no restart. */
export interface BuiltPage {
  /** The page, with `plain` for browsers without scripts. Undefined if no page was built. */
  html(plain: () => string): Promise<string | undefined>;
  /** A file of its `assets`, compressed if the caller accepts that. Undefined if no file has this name. */
  asset(name: string, acceptEncoding: string | undefined): Promise<PageAsset | undefined>;
}

/** Stands in the `noscript` of the built page, for the content that browsers without scripts show. */
const PLACEHOLDER = '<!--plain-page-->';
/** Matches no folder, no hidden file and no path that leads out of the folder. */
const NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/;
const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.webp': 'image/webp',
  '.avif': 'image/avif',
  '.ico': 'image/x-icon',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
  '.woff2': 'font/woff2',
};
const ENCODINGS = [
  { name: 'br', ending: '.br' },
  { name: 'gzip', ending: '.gz' },
  { name: undefined, ending: '' },
] as const;

export function createBuiltPage(folder: string | undefined): BuiltPage {
  const read = async (...path: string[]): Promise<Buffer | undefined> =>
    folder === undefined ? undefined : readFile(join(folder, ...path)).catch(() => undefined);
  return {
    async html(plain) {
      const text = (await read('index.html'))?.toString('utf8');
      return text === undefined ? undefined : withoutScripts(text, plain());
    },
    async asset(name, acceptEncoding) {
      if (!NAME.test(name)) return undefined;
      for (const encoding of ENCODINGS) {
        if (encoding.name !== undefined && !accepts(acceptEncoding, encoding.name)) continue;
        const bytes = await read('assets', `${name}${encoding.ending}`);
        if (bytes === undefined) continue;
        const mediaType = MEDIA_TYPES[extname(name)] ?? 'application/octet-stream';
        // The build puts a digest of the content into the name.
        return { bytes, mediaType, encoding: encoding.name, etag: `"${name}${encoding.ending}"` };
      }
      return undefined;
    },
  };
}

function withoutScripts(page: string, plain: string): string {
  if (page.includes(PLACEHOLDER)) return page.replace(PLACEHOLDER, () => plain);
  return page.replace(/(?=<\/body>)|$/, () => `<noscript>${plain}</noscript>\n`);
}

/** Source: RFC 9110, section 12.5.3. A weight of 0 is a refusal. */
function accepts(header: string | undefined, encoding: string): boolean {
  return (header ?? '').split(',').some((each) => {
    const [name, ...parameters] = each.split(';').map((part) => part.trim().toLowerCase());
    return name === encoding && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
}
