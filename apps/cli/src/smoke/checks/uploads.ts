import { type AppError, parsedJson, toAppError } from '@qwen-edit/contract';
import { z } from 'zod';
import { foreignAnswer, isOwn, ownProblem } from '../calls.ts';
import { passedWith, type SmokeCheck, type SmokeContext, smokeFault } from '../check.ts';
import { editParameters } from '../edit-parameters.ts';
import { bigPicture } from '../pictures.ts';
import { sendEndless } from '../send-endless.ts';

const BIG = 40_000_000;
/** What the service takes where it does not say. */
const USUAL_LIMIT = 100_000_000;
/** More is not sent to see that it is too much. */
const MOST_SENT = 300_000_000;
const BEYOND = 1_000_000;

const limitsSchema = z.object({ body_bytes: z.number(), image_bytes: z.number() }).partial();
const uploadSchema = z.object({ id: z.string(), url: z.string(), headers: z.record(z.string(), z.string()) });

/** A large picture is taken in a form and by an upload, and what is too large is refused by the service itself. */
export const checkUploads: SmokeCheck = {
  name: 'uploads',
  needs: ['health', 'problems'],
  async run(context) {
    const { client, signal } = context;
    const limits = limitsSchema.parse((await client.models(signal)).limits);
    const body = limits.body_bytes ?? USUAL_LIMIT;
    const picture = await bigPicture(Math.min(BIG, 0.8 * body, 0.8 * (limits.image_bytes ?? USUAL_LIMIT)));
    const megabytes = `${Math.round(picture.length / 1e6)} MB`;
    const parameters = await editParameters(context);
    await inForm(context, picture, parameters);
    await byAddress(context, picture, parameters);
    if (body + BEYOND > MOST_SENT) return passedWith(`${megabytes} in a form and by an upload`);
    await tooLarge(context, body + BEYOND);
    return passedWith(
      `${megabytes} in a form and by an upload; more than ${Math.round(body / 1e6)} MB are refused by the service itself`,
    );
  },
};

type Parameters = Readonly<Record<string, unknown>>;

async function inForm(context: SmokeContext, picture: Uint8Array, parameters: Parameters): Promise<void> {
  const { jobs } = context;
  const { id } = await jobs.submit({ images: [picture], parameters }).catch(async (thrown: unknown) => {
    throw withSize(await behindTheCut(context, toAppError(thrown), picture.length), picture, 'in a form');
  });
  await jobs.release(id);
}

/** Whoever refuses a body may close the connection before the answer is read. By its length alone it answers too. */
async function behindTheCut(
  { calls, apiKey, signal }: SmokeContext,
  error: AppError,
  bytes: number,
): Promise<AppError> {
  if (error.code !== 'service_unreachable') return error;
  const answer = await sendEndless(calls.url('v1/jobs'), { bytes, apiKey, signal }).catch(() => undefined);
  return answer === undefined || isOwn(answer) ? error : foreignAnswer(answer.status, answer.text);
}

async function byAddress(context: SmokeContext, picture: Uint8Array, parameters: Parameters): Promise<void> {
  const { calls, stranger, jobs } = context;
  const json = { 'content-type': 'application/json' };
  const wanted = JSON.stringify({ media_type: 'image/png', bytes: picture.length });
  const { text } = await calls.good('v1/uploads', { method: 'POST', headers: json, body: wanted });
  const upload = uploadSchema.parse(parsedJson(text));
  const where = URL.canParse(upload.url) ? new URL(upload.url).origin : upload.url;
  const put = await stranger
    .answer(
      upload.url,
      { method: 'PUT', headers: upload.headers, body: Buffer.from(picture) },
      context.settings.timeoutMs,
    )
    .catch((thrown: unknown) => {
      throw smokeFault(`A picture cannot be put to ${where}: ${toAppError(thrown).message}`, ADDRESS);
    });
  if (put.status >= 300)
    throw smokeFault(
      `A picture of ${picture.length} bytes that is put to ${where} is answered with ${put.status}.`,
      ADDRESS,
    );
  const body = JSON.stringify({ ...parameters, metadata: jobs.metadata, images: [upload.id] });
  const made = await jobs.whenThereIsRoom(() => calls.good('v1/jobs', { method: 'POST', headers: json, body }));
  const id = z.object({ id: z.string() }).safeParse(parsedJson(made.text)).data?.id;
  if (id !== undefined) await jobs.release(id);
}

async function tooLarge({ calls, apiKey, signal }: SmokeContext, bytes: number): Promise<void> {
  const answer = await sendEndless(calls.url('v1/jobs'), { bytes, apiKey, signal });
  if (answer.status < 400)
    throw smokeFault(
      `A body of ${bytes} bytes of nothing is answered with ${answer.status}.`,
      'Look at what stands before the service.',
    );
  ownProblem(answer);
}

function withSize({ code, message, hint }: AppError, picture: Uint8Array, how: string): AppError {
  const said = code === 'answer_unreadable' || code === 'service_unreachable' ? message : `${message} (${code})`;
  const cut = code === 'service_unreachable' ? ` ${LIMIT}` : '';
  return smokeFault(`A picture of ${picture.length} bytes ${how} is not taken. ${said}`, `${hint}${cut}`);
}

const LIMIT = 'It may limit bodies: nginx does by client_max_body_size.';
const ADDRESS =
  'Set QWEN_EDIT_PUBLIC_URL to the address by which callers reach the API and, with S3, QWEN_EDIT_S3_PUBLIC_URL to that of the store; let what stands before them take large bodies.';
