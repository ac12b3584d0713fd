import type { AppError } from '@qwen-edit/contract';
import { ownProblem, problemError, type SmokeAnswer } from '../calls.ts';
import { passedWith, type SmokeCheck, type SmokeContext, smokeFault } from '../check.ts';

const MADE_UP = 'qe_smoke_no_such_key_0000000000000000';
const CREATE =
  'Make one with `qwen-edit keys create --name smoke --scopes submit,read`, and give it in QWEN_EDIT_API_KEY or --key.';

/** Who has no key is kept out where keys are in use; the key that is given may read and submit. */
export const checkApiKey: SmokeCheck = {
  name: 'key',
  needs: ['reachable'],
  async run(context) {
    const { stranger, calls, apiKey } = context;
    const without = await stranger.answer('v1/jobs?limit=1');
    if (without.status === 200) {
      await mayUse(context);
      return passedWith('no key is demanded: whoever reaches the service may use it');
    }
    if (without.status !== 401) throw refusalOf(without);
    if (!without.headers.has('www-authenticate'))
      throw smokeFault('A 401 comes without WWW-Authenticate.', 'Let what stands before the service pass this header.');
    const wrong = await stranger.answer('v1/jobs?limit=1', { headers: { authorization: `Bearer ${MADE_UP}` } });
    // 429: others at this address have tried wrong keys just now.
    if (wrong.status !== 401 && wrong.status !== 429)
      throw smokeFault(
        `A key that nobody made is answered with ${wrong.status}.`,
        'Look at what stands before the service: it must not put a key of its own into the calls of strangers.',
      );
    if (apiKey === undefined) throw smokeFault('The service demands a key, and none is given.', CREATE);
    const got = await calls.answer('v1/jobs?limit=1');
    if (got.status === 401)
      throw smokeFault('The service does not know the key that is given, or it was revoked or has expired.', CREATE);
    if (got.status === 403) throw smokeFault('The key may not read.', CREATE);
    if (got.status !== 200) throw refusalOf(got);
    await mayUse(context);
    return passedWith('without a key 401, with it both scopes, read and submit');
  },
};

/** A submission without anything in it is refused for what it lacks, unless the key is refused before. */
async function mayUse({ calls }: SmokeContext): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const empty = await calls.answer('v1/jobs', { method: 'POST', headers, body: '{}' });
  if (empty.status === 403) throw smokeFault(`The key may not submit: ${ownProblem(empty).detail}`, CREATE);
  if (empty.status !== 400) throw refusalOf(empty);
}

function refusalOf(answer: SmokeAnswer): AppError {
  if (answer.status >= 400) return problemError(answer);
  return smokeFault(
    `The answer is ${answer.status}, which it should not be.`,
    'Look at what stands before the service.',
  );
}
