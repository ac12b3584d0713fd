import { ownProblem, type SmokeAnswer } from '../calls.ts';
import { passedWith, type SmokeCheck, smokeFault } from '../check.ts';

/** Errors arrive as the service says them: problem+json with a code, a hint and the id of the request. */
export const checkProblems: SmokeCheck = {
  name: 'problems',
  needs: ['key'],
  async run({ calls }) {
    const json = { 'content-type': 'application/json' };
    expectProblem(await calls.answer(`v1/jobs/job_${'0'.repeat(32)}`), 404, 'not_found');
    expectProblem(
      await calls.answer('v1/jobs', { method: 'POST', headers: json, body: '{' }),
      400,
      'request_malformed',
    );
    const noPrompt = await calls.answer('v1/jobs', { method: 'POST', headers: json, body: '{"images":["AAAA"]}' });
    expectProblem(noPrompt, 400, 'invalid_parameter');
    expectProblem(await calls.answer('v1/jobs', { method: 'PATCH' }), 405, 'method_not_allowed');
    return passedWith('404, 400 and 405 come as problem+json, with code, hint and request_id');
  },
};

function expectProblem(answer: SmokeAnswer, status: number, code: string): void {
  if (answer.status < 400)
    throw smokeFault(`A call that has to be answered with ${status} ${code} is answered with ${answer.status}.`, PASS);
  const problem = ownProblem(answer);
  if (answer.status !== status || problem.code !== code)
    throw smokeFault(
      `A call that has to be answered with ${status} ${code} is answered with ${answer.status} ${problem.code}.`,
      PASS,
    );
  const told = answer.headers.get('x-request-id');
  if (told !== null && told !== problem.request_id)
    throw smokeFault(
      `X-Request-Id says ${told}, and the problem ${problem.request_id}.`,
      'Let what stands before the service pass X-Request-Id, or send its own id to the service in that header.',
    );
}

const PASS = 'Let what stands before the service pass answers with errors as they are.';
