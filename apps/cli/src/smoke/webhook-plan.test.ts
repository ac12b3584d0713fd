import { expect, it } from 'vitest';
import { readWebhookFlags } from './webhook-plan.ts';

it.each([
  [undefined, undefined, undefined],
  [undefined, 'https://hooks.example/x', { url: 'https://hooks.example/x', listen: undefined }],
  ['10.0.0.7:8080', undefined, { url: 'http://10.0.0.7:8080/', listen: { host: '10.0.0.7', port: 8080 } }],
  ['[::1]:80', undefined, { url: 'http://[::1]:80/', listen: { host: '::1', port: 80 } }],
  ['0.0.0.0:8080', 'http://me:80', { url: 'http://me:80', listen: { host: '0.0.0.0', port: 8080 } }],
])('--webhook-listen %s and --webhook-url %s are understood', (listen, url, flags) => {
  expect(readWebhookFlags(listen, url)).toEqual(flags);
});

it.each([
  ['8080', undefined, /must be HOST:PORT/],
  ['a:b:c', undefined, /must be HOST:PORT/],
  ['host:99999', undefined, /must be HOST:PORT/],
  ['0.0.0.0:8080', undefined, /needs --webhook-url/],
  ['host:0', undefined, /needs --webhook-url/],
  [undefined, 'ftp://x', /must be an http or https address/],
  [undefined, 'http://', /must be an http or https address/],
])('--webhook-listen %s and --webhook-url %s are bad usage', (listen, url, message) => {
  expect(() => readWebhookFlags(listen, url)).toThrow(message);
});
