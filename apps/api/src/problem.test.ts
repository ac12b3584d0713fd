import { AppError, callerTextOf, ERRORS, isErrorCode, problemSchema } from '@qwen-edit/contract';
import { expect, it } from 'vitest';
import { problemResponse } from './problem.ts';

it.each(Object.keys(ERRORS).filter(isErrorCode))(
  '%s is a problem with its status and what that asks for',
  async (code) => {
    const error = new AppError(code, 'what happened');
    const response = problemResponse(error, 'req_1', { Allow: 'GET' });
    const { status } = ERRORS[code];
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(response.headers.get('allow')).toBe('GET');
    expect(response.headers.has('retry-after')).toBe([429, 503].includes(status) || code === 'idempotency_in_flight');
    expect(response.headers.get('www-authenticate')).toBe(status === 401 ? 'Bearer' : null);
    const problem = problemSchema.parse(await response.json());
    expect(problem).toMatchObject({ code, status, request_id: 'req_1' });
    expect(problem).toMatchObject({ detail: callerTextOf(error).text, hint: callerTextOf(error).hint });
  },
);
