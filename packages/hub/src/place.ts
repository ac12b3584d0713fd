import type { ModelFile } from './model-files.ts';

/** Where a model is downloaded to: the cache that Python shares, or a folder of its own. */
export interface ModelPlace {
  /** The folder that a pipeline loads in the end. */
  readonly dir: string;
  /** The folder to which all of it belongs, for messages and for the space on the disk. */
  readonly root: string;
  /** Has `trees/COMMIT.json`. */
  readonly bookkeeping: string;
  /** Where the bytes of a file are gathered. Files of one content may share it. */
  partialOf(file: ModelFile): string;
  /** True if the file is whole, so that nothing of it has to be downloaded. */
  has(file: ModelFile, signal: AbortSignal): Promise<boolean>;
  /** Called before the first byte is downloaded: from now on, and until `finish`, the folder holds no whole model. */
  begin(): Promise<void>;
  /** Takes a partial file over, which has been verified. */
  keep(file: ModelFile): Promise<void>;
  /**
   * The chosen files are whole: puts them into the folder, `model_index.json` last, and notes that the revision means this commit.
   * `leftOut`: files of the model that were not chosen, so that the folder may lack them, or have those of another commit.
   */
  finish(files: readonly ModelFile[], leftOut: readonly ModelFile[]): Promise<void>;
}

/** The file without which no folder is loaded: it comes last, so that its folder is either whole or no model. */
export const INDEX_FILE = 'model_index.json';

/** The index last. */
export const indexLast = (files: readonly ModelFile[]): ModelFile[] => [
  ...files.filter(({ path }) => path !== INDEX_FILE),
  ...files.filter(({ path }) => path === INDEX_FILE),
];
