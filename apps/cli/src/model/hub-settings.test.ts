import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { describeConfig, readConfig } from '../config.ts';
import { hubSettings } from './hub-settings.ts';

const settingsOf = (environment: Record<string, string>) => hubSettings(readConfig(environment));

describe('the cache is where Python has it', () => {
  it.each([
    [{}, join(homedir(), '.cache/huggingface/hub')],
    [{ XDG_CACHE_HOME: '/xdg' }, '/xdg/huggingface/hub'],
    [{ XDG_CACHE_HOME: '/xdg', HF_HOME: '/home' }, '/home/hub'],
    [{ HF_HOME: '/home', HUGGINGFACE_HUB_CACHE: '/former' }, '/former'],
    [{ HUGGINGFACE_HUB_CACHE: '/former', HF_HUB_CACHE: '/now' }, '/now'],
    [{ HF_HUB_CACHE: '', HUGGINGFACE_HUB_CACHE: '', HF_HOME: '~/hf' }, join(homedir(), 'hf/hub')],
  ])('%j', async (environment, dir) => {
    expect((await settingsOf(environment)).cacheDir).toBe(dir);
  });
});

it('the token comes from HF_TOKEN, else from the file of HF_TOKEN_PATH, else from that in HF_HOME', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'qwen-edit-test-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'token'), 'hf_home\n');
  await writeFile(join(folder, 'other'), ' hf_path\r\n');
  const inHome = { HF_HOME: folder };
  expect((await settingsOf(inHome)).token).toBe('hf_home');
  expect((await settingsOf({ ...inHome, HF_TOKEN_PATH: join(folder, 'other') })).token).toBe('hf_path');
  expect((await settingsOf({ ...inHome, HF_TOKEN: ' hf_said ' })).token).toBe('hf_said');
  expect((await settingsOf({ HF_HOME: join(folder, 'none') })).token).toBeUndefined();
});

it('HF_ENDPOINT is a mirror, without a slash at its end; HF_HUB_OFFLINE is a switch', async () => {
  expect(await settingsOf({})).toMatchObject({ endpoint: 'https://huggingface.co', offline: false });
  expect(await settingsOf({ HF_ENDPOINT: 'https://hf-mirror.com/' })).toMatchObject({
    endpoint: 'https://hf-mirror.com',
  });
  for (const on of ['1', 'true', 'YES', 'on']) expect((await settingsOf({ HF_HUB_OFFLINE: on })).offline).toBe(true);
  expect((await settingsOf({ HF_HUB_OFFLINE: '0' })).offline).toBe(false);
});

it('tokens and passwords of proxies are never shown', () => {
  const shown = describeConfig({ HF_TOKEN: 'hf_secret', https_proxy: 'http://me:secret@proxy:3128' });
  expect(JSON.stringify(shown)).not.toContain('secret');
  expect(shown).toContainEqual({ variable: 'https_proxy', value: 'http://********@proxy:3128', origin: 'environment' });
});

it('QWEN_EDIT_MODEL has to be the name of a model', () => {
  expect(readConfig({ QWEN_EDIT_MODEL: 'Qwen/Qwen-Image-Edit-2511@main' }).model).toBe(
    'Qwen/Qwen-Image-Edit-2511@main',
  );
  for (const wrong of ['Qwen', '../../etc', 'https://huggingface.co/Qwen/X', 'a/b@', '/models/2511'])
    expect(() => readConfig({ QWEN_EDIT_MODEL: wrong })).toThrow('QWEN_EDIT_MODEL is no name of a model');
});

it('a proxy for another protocol is no mistyped setting', async () => {
  const { unknownSettings } = await import('../config.ts');
  expect(unknownSettings({ FTP_PROXY: 'x', ALL_PROXY: 'x', ftp_proxy: 'x' })).toEqual([]);
});
