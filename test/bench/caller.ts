import { Agent, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { crc32 } from 'node:zlib';
import sharp from 'sharp';

export interface BenchCaller {
  /** Submits a job and waits for its 202. */
  submit(): Promise<void>;
  close(): void;
}

const BOUNDARY = 'bench-7f3c2a';
const BEFORE = Buffer.from(
  `--${BOUNDARY}\r\nContent-Disposition: form-data; name="params"\r\n\r\n{"prompt":"make it blue"}\r\n` +
    `--${BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n` +
    'Content-Type: image/png\r\n\r\n',
);
const AFTER = Buffer.from(`\r\n--${BOUNDARY}--\r\n`);

/** Calls POST /v1/jobs of the service at `url` with a form, on connections that are kept. */
export function createBenchCaller(url: string, picture: () => Uint8Array): BenchCaller {
  const agent = new Agent({ keepAlive: true });
  /** False where the service had just closed the idle connection, of which it cannot warn: the request was not looked at. */
  const post = async (body: Uint8Array): Promise<boolean> => {
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    const headers = { 'content-type': `multipart/form-data; boundary=${BOUNDARY}`, 'content-length': body.length };
    const call = request(`${url}/v1/jobs`, { agent, method: 'POST', headers });
    call.on('error', (error: NodeJS.ErrnoException) => {
      if (call.reusedSocket && error.code === 'ECONNRESET') resolve(false);
      else reject(error);
    });
    call.on('response', (answer) => {
      text(answer).then((said) => {
        if (answer.statusCode === 202) resolve(true);
        else reject(new Error(`POST /v1/jobs: ${answer.statusCode} ${said.slice(0, 500)}`));
      }, reject);
    });
    call.end(body);
    return promise;
  };
  return {
    async submit() {
      const body = Buffer.concat([BEFORE, picture(), AFTER]);
      while (!(await post(body)));
    },
    close: () => agent.destroy(),
  };
}

/** A PNG of 64 by 64 noisy pixels. */
export async function makePicture(): Promise<Buffer> {
  const data = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * 7 + Math.floor(i / 192) * 13) % 256);
  return sharp(data, { raw: { width: 64, height: 64, channels: 3 } })
    .png()
    .toBuffer();
}

const SIGNATURE_AND_HEADER = 8 + 25;

/** Gives a PNG that was never given before, the same but for a comment, so that a service has to take it as new. */
export function createFreshPictures(png: Buffer): () => Uint8Array {
  let made = 0;
  return () => {
    const chunk = Buffer.from(`tEXtComment\0${++made}`);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(chunk.length - 4);
    const check = Buffer.alloc(4);
    check.writeUInt32BE(crc32(chunk));
    const [head, rest] = [png.subarray(0, SIGNATURE_AND_HEADER), png.subarray(SIGNATURE_AND_HEADER)];
    return Buffer.concat([head, length, chunk, check, rest]);
  };
}
