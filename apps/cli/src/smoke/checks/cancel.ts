import { isTerminal } from '@qwen-edit/contract';
import { passedWith, type SmokeCheck, type SmokeContext, skippedBecause, smokeFault } from '../check.ts';
import { editParameters } from '../edit-parameters.ts';
import { drawSmokePicture, encodeSmokePicture } from '../pictures.ts';

/** Long enough that it does not end by itself meanwhile; where it does all the same, another try follows. */
const STEPS = 100;
const TRIES = 3;

/** A running edit that is asked to stop does, and has no result. */
export const checkCancel: SmokeCheck = {
  name: 'cancel',
  needs: ['edit'],
  async run(context) {
    let ignored = 0;
    for (let number = 1; number <= TRIES; number++) {
      const how = await cancelOne(context, number);
      if (how === 'stopped') return passedWith('a running edit was canceled, and has no result');
      if (how === 'ignored') ignored++;
    }
    if (ignored === 0) return skippedBecause(`edits end here before they can be canceled, ${TRIES} times`);
    throw smokeFault(
      `${ignored} edits that were asked to stop went on to their end.`,
      'Look at whether the workers reach the database, and at their logs: they look for such requests every few seconds.',
    );
  },
};

async function cancelOne(context: SmokeContext, number: number): Promise<'stopped' | 'ignored' | 'over before'> {
  const { calls, client, jobs, signal } = context;
  const parameters = { ...(await editParameters(context)), num_inference_steps: STEPS };
  const { id } = await jobs.submit({ images: [await encodeSmokePicture(drawSmokePicture(10 + number))], parameters });
  await jobs.until(id, ({ status }) => status !== 'queued');
  const asked = await client.cancel(id, signal);
  if (isTerminal(asked.status) && asked.status !== 'canceled') return 'over before';
  if (asked.status !== 'canceled' && !asked.cancel_requested)
    throw smokeFault(
      'The call to cancel is answered as if it had worked, and the job was not asked to stop.',
      'Let what stands before the service pass POST /v1/jobs/*/cancel to the API, and keep no answers of it.',
    );
  const ended = await jobs.untilEnded(id);
  if (ended.status === 'succeeded') return 'ignored';
  if (ended.status !== 'canceled')
    throw smokeFault(
      `The edit that was canceled has ${ended.status}.`,
      ended.error?.hint ?? 'Look at the log of the worker.',
    );
  const output = await calls.answer(`v1/jobs/${id}/outputs/0`);
  if (ended.output !== null || output.status < 400)
    throw smokeFault('The edit that was canceled has a result.', 'Look at caches before the service.');
  return 'stopped';
}
