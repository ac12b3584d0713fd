import { AppError } from '@qwen-edit/contract';

/** A model of the hub: whose, which, and at which branch, tag or commit. */
export interface ModelRef {
  /** `owner/name`, as `Qwen/Qwen-Image-Edit-2511`. */
  readonly repo: string;
  readonly revision: string;
}

const DEFAULT_REVISION = 'main';
const PART = /^[A-Za-z0-9]([\w.-]{0,94}[\w])?$/;
const REVISION = /^[A-Za-z0-9][\w./+-]{0,254}$/;
const COMMIT = /^[0-9a-f]{40}$/;

/**
 * Reads `owner/name` or `owner/name@revision`. Throws AppError `usage`. Names follow the hub's rules, so that one can neither leave the
 * cache's folder nor be another's. Source: validate_repo_id of huggingface_hub.
 *
 * @example parseModelRef('Qwen/Qwen-Image-Edit-2511'); // { repo: 'Qwen/Qwen-Image-Edit-2511', revision: 'main' }
 */
export function parseModelRef(text: string): ModelRef {
  const [repo = '', revision = DEFAULT_REVISION, ...more] = text.trim().split('@');
  const parts = repo.split('/');
  const isRepo = parts.length === 2 && parts.every((part) => PART.test(part)) && !/--|\.\.|\.git$/.test(repo);
  if (!isRepo || more.length > 0)
    throw new AppError('usage', `'${text}' is no name of a model.`, {
      hint: 'Write it as on the hub, as Qwen/Qwen-Image-Edit-2511 or Qwen/Qwen-Image-Edit-2511@main.',
    });
  return { repo, revision: checkRevision(revision) };
}

/**
 * Reads what `model pull` takes: `owner/name[@revision]`, with `:file` for one file of a repository of LoRAs. Throws AppError `usage`.
 *
 * @example parsePulled('owner/loras:a/b.safetensors'); // { ref: { repo: 'owner/loras', revision: 'main' }, file: 'a/b.safetensors' }
 */
export function parsePulled(text: string): { readonly ref: ModelRef; readonly file: string | undefined } {
  const [, name = text, file] = /^([^:]*):(.*)$/s.exec(text.trim()) ?? [];
  const ref = parseModelRef(name);
  if (file === undefined || (isFileOfRepository(file) && /\.safetensors$/i.test(file))) return { ref, file };
  throw new AppError('usage', `'${file}' is no .safetensors file of a repository.`, {
    hint: 'Write it as the hub lists it, as owner/name:folder/file.safetensors.',
  });
}

/** False for a path that leaves its folder, on any system. Source: _validate_relative_filename of huggingface_hub. */
export const isFileOfRepository = (path: string): boolean =>
  !/[\\:\0]/.test(path) && path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');

/** True for what parseModelRef takes. */
export function isModelRef(text: string): boolean {
  try {
    parseModelRef(text);
    return true;
  } catch {
    return false;
  }
}

/** Throws AppError `usage` unless the text can be a branch, a tag or a commit. */
export function checkRevision(revision: string): string {
  if (REVISION.test(revision) && !/\.\.|\/\/|\/$|\.lock$/.test(revision)) return revision;
  throw new AppError('usage', `'${revision}' is no revision of a model.`, {
    hint: 'Name a branch, a tag or a commit of 40 hexadecimal digits.',
  });
}

export const isCommit = (revision: string): boolean => COMMIT.test(revision);

/** For people: the revision is left out if it is the usual one. */
export const refText = ({ repo, revision }: ModelRef): string =>
  revision === DEFAULT_REVISION ? repo : `${repo}@${revision}`;
