import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AppError, LoraRef } from '@qwen-edit/contract';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseAllowedLoras, parseLoraDirs } from './lora-settings.ts';
import { createResolveLora, type LoraSettings } from './loras.ts';

async function folderWith(...files: readonly string[]): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'qwen-edit-loras-')));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const file of files) {
    await mkdir(join(folder, file, '..'), { recursive: true });
    await writeFile(join(folder, file), 'x');
  }
  return folder;
}

const NOTHING: LoraSettings = { named: new Map(), repos: [], dirs: [] };
const resolverOf = (settings: Partial<LoraSettings>) =>
  createResolveLora({ ...NOTHING, ...settings }, { cacheDir: '/nowhere' });
const path = (said: string): LoraRef => ({ path: said, scale: 1 });
const codeOf = (promise: Promise<string>): Promise<string> =>
  promise.then(
    () => 'allowed',
    ({ code }: AppError) => code,
  );

describe('QWEN_EDIT_LORAS', () => {
  it('names places, and allows repositories or files of them', () => {
    const { named, repos } = parseAllowedLoras(
      'a=/x/a@2.safetensors, b=owner/b ,c=owner/c:d/e.safetensors,owner/free,owner/one:f.safetensors,',
    );
    expect([...named]).toEqual([
      ['a', { path: '/x/a@2.safetensors' }],
      ['b', { repo: 'owner/b' }],
      ['c', { repo: 'owner/c', file: 'd/e.safetensors' }],
    ]);
    expect(repos).toEqual([{ repo: 'owner/free' }, { repo: 'owner/one', file: 'f.safetensors' }]);
    expect(parseLoraDirs('/a: /b/c ::')).toEqual(['/a', '/b/c']);
  });

  it.each([
    ['/x/a.safetensors', 'must be NAME=PLACE'],
    ['sketch', 'must be NAME=PLACE'],
    ['a b=/x.safetensors', 'must be a name'],
    ['a=sketch', 'is neither a path nor a repository'],
    ['a=/x.safetensors,a=/y.safetensors', 'is there twice'],
  ])('%s is refused', (text, words) => {
    expect(() => parseAllowedLoras(text)).toThrow(words);
  });
});

describe('a path', () => {
  it('below an allowed folder is found, absolute or from the folder', async () => {
    const dir = await folderWith('a.safetensors', 'more/b.safetensors');
    const other = await folderWith('c.safetensors');
    const resolve = resolverOf({ dirs: [dir, other] });
    expect(await resolve(path('a.safetensors'))).toBe(join(dir, 'a.safetensors'));
    expect(await resolve(path('./more/../more/b.safetensors'))).toBe(join(dir, 'more/b.safetensors'));
    expect(await resolve(path('c.safetensors'))).toBe(join(other, 'c.safetensors'));
    expect(await resolve(path(join(other, 'c.safetensors')))).toBe(join(other, 'c.safetensors'));
  });

  it('is refused without an allowed folder, whether or not it is there', async () => {
    const dir = await folderWith('a.safetensors');
    for (const said of [join(dir, 'a.safetensors'), '/etc/nothing.safetensors', 'a.safetensors'])
      expect(await codeOf(resolverOf({})(path(said)))).toBe('lora_refused');
  });

  it('that leads out of the folder is refused: by .., as another absolute path, or by a link', async () => {
    const secret = await folderWith('secret.safetensors');
    const dir = await folderWith('a.safetensors');
    await symlink(join(secret, 'secret.safetensors'), join(dir, 'link.safetensors'));
    await symlink(secret, join(dir, 'folder'));
    await symlink(join(dir, 'a.safetensors'), join(dir, 'inside.safetensors'));
    const resolve = resolverOf({ dirs: [dir] });
    for (const said of [
      '../secret.safetensors',
      join(dir, '..', 'x.safetensors'),
      join(secret, 'secret.safetensors'),
      'link.safetensors',
      'folder/secret.safetensors',
      `${dir}-other/a.safetensors`,
    ])
      expect(await codeOf(resolve(path(said))), said).toBe('lora_refused');
    expect(await resolve(path('inside.safetensors'))).toBe(join(dir, 'a.safetensors'));
  });

  it('that is allowed and not there is not found; of other files nothing is told', async () => {
    const dir = await folderWith('a.txt');
    const resolve = resolverOf({ dirs: [dir] });
    expect(await codeOf(resolve(path('b.safetensors')))).toBe('lora_not_found');
    expect(await codeOf(resolve(path('a.txt')))).toBe('lora_refused');
    expect(await codeOf(resolve(path('b.txt')))).toBe('lora_refused');
  });

  it('is any file for a command on its user’s behalf', async () => {
    const dir = await folderWith('a.safetensors');
    const resolve = resolverOf({ anything: true });
    expect(await resolve(path(join(dir, 'a.safetensors')))).toBe(join(dir, 'a.safetensors'));
    expect(await codeOf(resolve(path(join(dir, 'b.safetensors'))))).toBe('lora_not_found');
  });

  it('that every edit uses, or a preset of the model names, is allowed as it stands there', async () => {
    const dir = await folderWith('loras/own.safetensors', 'fixed.safetensors');
    const fixed = path(join(dir, 'fixed.safetensors'));
    const own = path('loras/own.safetensors');
    const out = path('../own.safetensors');
    const resolve = resolverOf({ fixed: [fixed], ofModel: async () => ({ dir, loras: [own, out] }) });
    expect(await resolve(fixed)).toBe(fixed.path);
    expect(await resolve({ ...own, scale: 0.5 })).toBe(join(dir, 'loras/own.safetensors'));
    expect(await codeOf(resolve(out))).toBe('lora_refused');
    expect(await codeOf(resolve(path(join(dir, 'loras/own.safetensors'))))).toBe('lora_refused');
  });
});

describe('a name', () => {
  it('is one of the settings; another is not found, and the nearest is offered', async () => {
    const dir = await folderWith('a.safetensors');
    const named = new Map([['sketch', { path: join(dir, 'a.safetensors') }]]);
    const resolve = resolverOf({ named });
    expect(await resolve({ name: 'sketch', scale: 1 })).toBe(join(dir, 'a.safetensors'));
    await expect(resolve({ name: 'sketsh', scale: 1 })).rejects.toMatchObject({
      code: 'lora_not_found',
      message: 'There is no LoRA sketsh. Did you mean sketch?',
    });
  });
});

describe('a repository', () => {
  const of = (repo: string, file?: string): LoraRef => ({ repo, ...(file === undefined ? {} : { file }), scale: 1 });
  const settings = {
    repos: [{ repo: 'owner/free' }, { repo: 'owner/one', file: 'a.safetensors' }],
    named: new Map([['n', { repo: 'owner/named' }]]),
    fixed: [of('owner/fixed', 'f.safetensors')],
    ofModel: async () => ({ dir: '/m', loras: [of('owner/preset', 'p.safetensors')] }),
  };

  it.each<[string, LoraRef]>([
    ['is allowed by itself', of('owner/free', 'x.safetensors')],
    ['is allowed with its file', of('owner/one', 'a.safetensors')],
    ['is allowed by a name', of('owner/named')],
    ['is one of every edit', of('owner/fixed', 'f.safetensors')],
    ['is one of a preset', of('owner/preset', 'p.safetensors')],
  ])('%s, and then only has to be pulled', async (_, lora) => {
    await expect(resolverOf(settings)(lora)).rejects.toMatchObject({
      code: 'lora_not_found',
      message: expect.stringContaining('has not been pulled'),
    });
  });

  it.each<[string, LoraRef]>([
    ['another', of('owner/other')],
    ['another file of it', of('owner/one', 'b.safetensors')],
    ['all of one of which a file is allowed', of('owner/one')],
    ['another file than that of a preset', of('owner/preset', 'q.safetensors')],
  ])('%s is refused', async (_, lora) => {
    expect(await codeOf(resolverOf(settings)(lora))).toBe('lora_refused');
  });

  it('with a file that leads out of its folder is not found', async () => {
    expect(await codeOf(resolverOf({ anything: true })(of('owner/x', '../../x.safetensors')))).toBe('lora_not_found');
  });
});
