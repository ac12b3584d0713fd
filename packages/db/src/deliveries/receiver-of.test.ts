import { expect, it } from 'vitest';
import { receiverOf } from './receiver-of.ts';

it.each([
  'https://hooks.example/one',
  'HTTPS://Hooks.EXAMPLE:443/two?x#y',
  'https://user:pass@hooks.example./three',
  ' https://hooks.example\\four ',
  'ht\ntps://hooks.example',
])('%j names the same receiver', (url) => {
  expect(receiverOf(url)).toBe('https://hooks.example');
});

it('other ports, schemes and hosts are other receivers, and forms of one address are the same', () => {
  expect(receiverOf('http://hooks.example:80/')).toBe('http://hooks.example');
  expect(receiverOf('http://hooks.example:8080/')).toBe('http://hooks.example:8080');
  expect(receiverOf('http://0x7f.1:9/')).toBe('http://127.0.0.1:9');
  expect(receiverOf('https://BÜCHER.example/')).toBe('https://xn--bcher-kva.example');
  expect(receiverOf('http://[::0001]/')).toBe('http://[::1]');
  expect(receiverOf('nothing')).toBe('');
  expect(receiverOf(`https://${'a.'.repeat(500)}example`).length).toBe(300);
});
