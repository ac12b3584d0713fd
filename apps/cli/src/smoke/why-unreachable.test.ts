import { expect, it } from 'vitest';
import { whyUnreachable } from './why-unreachable.ts';

const failed = (code: string): TypeError =>
  new TypeError('fetch failed', { cause: Object.assign(new Error('a cause'), { code }) });

it.each([
  ['ENOTFOUND', /^The name is not known: http:\/\/h\/ \(ENOTFOUND\)\.$/, /DNS/],
  ['ECONNREFUSED', /Nobody listens/, /port/],
  ['UND_ERR_CONNECT_TIMEOUT', /not answered/, /firewalls/],
  ['ECONNRESET', /was cut/, /balancer/],
  ['CERT_HAS_EXPIRED', /has expired/, /Renew/],
  ['SELF_SIGNED_CERT_IN_CHAIN', /does not know/, /NODE_EXTRA_CA_CERTS/],
  ['ERR_TLS_CERT_ALTNAME_INVALID', /another name/, /name that its certificate has/],
  ['ERR_SSL_WRONG_VERSION_NUMBER', /does not speak TLS/, /http:\/\//],
  ['ERR_SSL_SOMETHING_NEW', /TLS fails/, /certificate/],
  ['HPE_INVALID_CONSTANT', /does not speak HTTP/, /https:\/\//],
])('%s is told in words, with what to do', (code, message, hint) => {
  const why = whyUnreachable(failed(code), 'http://h/');
  expect(why.message).toMatch(message);
  expect(why.hint).toMatch(hint);
});

it('of several addresses of one name, the reason of the first is told', () => {
  const errors = ['ECONNREFUSED', 'ENETUNREACH'].map((code) => Object.assign(new Error('a'), { code }));
  const thrown = new TypeError('fetch failed', { cause: new AggregateError(errors) });
  expect(whyUnreachable(thrown, 'http://h/').message).toMatch(/^Nobody listens/);
});

it('what nobody foresaw is told in the words of its deepest cause', () => {
  const thrown = new TypeError('fetch failed', { cause: new Error('bad port') });
  expect(whyUnreachable(thrown, 'http://h:1/').message).toBe('There is no answer: http://h:1/ (bad port).');
});
