import { Webhook } from 'standardwebhooks';
import { expect, it } from 'vitest';
import { createSigner } from './signature.ts';

const bytes = Buffer.alloc(32, 5).toString('base64');

it('signs what a receiver with the same secret verifies, with and without whsec_', () => {
  for (const secret of [`whsec_${bytes}`, bytes]) {
    const at = new Date();
    const headers = {
      'webhook-id': 'msg_1',
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': createSigner(secret)('msg_1', at, '{"a":"ä"}'),
    };
    expect(new Webhook(secret).verify('{"a":"ä"}', headers)).toEqual({ a: 'ä' });
  }
});

it('the example of the specification has its signature', () => {
  const sign = createSigner('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
  const at = new Date(1_614_265_330_000);
  expect(sign('msg_p5jXN8AQM9LWM0D4loKWxJek', at, '{"test": 2432232314}')).toBe(
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  );
});

it.each(['', 'whsec_', 'a plain word!', 'whsec_ä', 'nope', 'abcd', 'whsec_c2hvcnQ='])(
  'refuses %j, which no receiver could verify or anybody could guess',
  (secret) => {
    expect(() => createSigner(secret)).toThrow(expect.objectContaining({ code: 'usage' }));
  },
);
