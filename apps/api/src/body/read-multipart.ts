import { Busboy, type BusboyInstance } from '@fastify/busboy';
import { AppError } from '@qwen-edit/contract';

export type FormPart =
  | { readonly name: string; readonly kind: 'text'; readonly text: string }
  | { readonly name: string; readonly kind: 'file'; readonly bytes: Uint8Array };

export interface FormLimits {
  readonly parts: number;
  readonly fieldBytes: number;
  readonly fileBytes: number;
}

/** The headers of a part hold little: a name, a file name and a type. */
const HEADER = { headerPairs: 20, headerSize: 16_384 };

/**
 * The parts of a multipart/form-data body, in order and in memory. A part is a file when it has a file name or the type
 * of a picture or of bytes; other types are ignored. An empty file without a name is left out. Throws AppError `request_malformed` or `request_too_large`.
 * Source: RFC 7578.
 */
export async function readMultipart(
  chunks: AsyncIterable<Uint8Array>,
  contentType: string,
  limits: FormLimits,
): Promise<readonly FormPart[]> {
  const parser = createParser(contentType, limits);
  const parts: (FormPart | undefined)[] = [];
  const { promise: done, resolve: finish, reject: fail } = Promise.withResolvers<void>();
  let failure: unknown;
  done.catch((thrown: unknown) => {
    failure = thrown;
  });
  collect(parser, parts, fail);
  parser.on('finish', finish);
  parser.on('error', (cause) => fail(malformed(cause)));
  parser.on('partsLimit', () =>
    fail(new AppError('request_too_large', `The form has more than ${limits.parts} parts.`)),
  );
  try {
    for await (const chunk of chunks) {
      if (!parser.write(chunk)) await Promise.race([drained(parser), done]);
      if (failure !== undefined) break;
    }
    parser.end();
    await done;
    return parts.filter((part) => part !== undefined);
  } finally {
    parser.destroy();
  }
}

function createParser(contentType: string, limits: FormLimits): BusboyInstance {
  try {
    return new Busboy({
      headers: { 'content-type': contentType },
      isPartAFile: (_name, type, fileName) =>
        fileName !== undefined || type === 'application/octet-stream' || (type ?? '').startsWith('image/'),
      limits: { parts: limits.parts, fieldSize: limits.fieldBytes, fileSize: limits.fileBytes, ...HEADER },
    });
  } catch (cause) {
    throw malformed(cause);
  }
}

function collect(parser: BusboyInstance, parts: (FormPart | undefined)[], fail: (error: AppError) => void): void {
  let count = 0;
  parser.on('file', (name, stream, fileName) => {
    const place = count++;
    const chunks: Uint8Array[] = [];
    stream.on('data', (chunk: Uint8Array) => chunks.push(chunk));
    stream.on('limit', () => fail(new AppError('request_too_large', `The part ${quoted(name)} is too large.`)));
    stream.on('error', (cause) => fail(malformed(cause)));
    stream.on('end', () => {
      const bytes = Buffer.concat(chunks);
      // A browser sends such a part for a file input that nobody has touched. Source: HTML, "constructing the entry list".
      // undici's FormData leaves the empty name out.
      const isUntouched = (fileName ?? '') === '' && bytes.length === 0;
      parts[place] = isUntouched ? undefined : { name: name ?? '', kind: 'file', bytes };
    });
  });
  parser.on('field', (name, text, _nameTruncated, truncated) => {
    const place = count++;
    if (truncated) fail(new AppError('request_too_large', `The field ${quoted(name)} is too large.`));
    parts[place] = { name: name ?? '', kind: 'text', text };
  });
}

function drained(parser: BusboyInstance): Promise<void> {
  return new Promise((resolve) => parser.once('drain', () => resolve()));
}

function malformed(cause: unknown): AppError {
  return new AppError('request_malformed', 'The body is not well-formed multipart/form-data.', { cause });
}

/** Shortens a name for a message: it may be missing, or of any length. */
function quoted(name: string | undefined): string {
  return JSON.stringify((name ?? '').slice(0, 100));
}
