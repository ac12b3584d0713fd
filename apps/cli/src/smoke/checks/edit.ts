import { passedWith, type SmokeCheck, type SmokeContext, smokeFault } from '../check.ts';
import { editParameters } from '../edit-parameters.ts';
import { checkResult, drawSmokePicture, encodeSmokePicture } from '../pictures.ts';

/** An edit is accepted, made, and its result can be fetched by the address that the job names. */
export const checkEdit: SmokeCheck = {
  name: 'edit',
  needs: ['key', 'health'],
  async run(context) {
    const { jobs, facts } = context;
    const input = drawSmokePicture(1);
    const accepted = await jobs.submit({
      images: [await encodeSmokePicture(input)],
      parameters: await editParameters(context),
    });
    const job = await jobs.untilSucceeded(accepted.id);
    const [told] = job.output ?? [];
    if (told === undefined)
      throw smokeFault(
        'The job has succeeded and tells of no result.',
        'Look at the log of the API and of the worker.',
      );
    const { width, height } = await checkResult(await fetchResult(context, told.url), told, input);
    if (job.metrics.total_time !== null) facts.editSeconds = job.metrics.total_time;
    return passedWith(
      `${width} × ${height} in ${job.metrics.total_time?.toFixed(1) ?? 'unknown'} s, and not the picture that was sent`,
    );
  },
};

async function fetchResult({ calls }: SmokeContext, url: string): Promise<Uint8Array> {
  const answer = await calls.answer(url).catch((thrown: unknown) => {
    throw elsewhere(
      `The result cannot be fetched from ${hostOf(url)}: ${thrown instanceof Error ? thrown.message : thrown}`,
    );
  });
  if (answer.status !== 200) throw elsewhere(`The result is answered with ${answer.status} at ${hostOf(url)}.`);
  return answer.bytes;
}

const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).origin : url);

const elsewhere = (message: string) =>
  smokeFault(
    message,
    'Set QWEN_EDIT_PUBLIC_URL to the address by which callers reach the API and, with S3, QWEN_EDIT_S3_PUBLIC_URL to that of the store.',
  );
