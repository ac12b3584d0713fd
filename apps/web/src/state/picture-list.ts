import { computed, type ReadonlySignal, signal } from '@preact/signals';
import type { Size } from '@qwen-edit/contract';
import { checkFiles, type IntakeLimits, largestPicture, type Refusal } from '../lib/check-files.ts';
import type { PictureKind } from '../lib/picture-kind.ts';
import { moveItem } from '../lib/reorder.ts';
import { measure, type PictureFile, readPictureFile, thumbnailOf } from './picture-files.ts';

export interface EditorPicture {
  readonly id: number;
  readonly name: string;
  readonly kind: PictureKind | undefined;
  readonly file: Blob;
  /** Address of the whole picture in this browser. */
  readonly url: string;
  readonly thumbnail: string | undefined;
  /** undefined until it is known, and for a picture that this browser cannot show. */
  readonly size: Size | undefined;
  readonly measured: boolean;
}

/** What the reader should know about the files that they chose. */
export type Notice =
  | { readonly kind: 'refused'; readonly name: string; readonly reason: Refusal; readonly largest: number }
  | { readonly kind: 'left_out'; readonly count: number; readonly images: number }
  | { readonly kind: 'converted'; readonly name: string };

/** The pictures of the form, in order. */
export interface PictureList {
  readonly list: ReadonlySignal<readonly EditorPicture[]>;
  readonly notices: ReadonlySignal<readonly Notice[]>;
  readonly reading: ReadonlySignal<boolean>;
  /** The picture on the stage. */
  readonly chosen: ReadonlySignal<EditorPicture | undefined>;
  add(files: readonly File[]): Promise<void>;
  /** Removes all pictures and adds these. */
  replace(files: readonly File[]): Promise<void>;
  remove(id: number): void;
  move(id: number, to: number): void;
  choose(id: number): void;
  dismissNotices(): void;
}

export function createPictureList(limits: ReadonlySignal<IntakeLimits>): PictureList {
  const list = signal<readonly EditorPicture[]>([]);
  const notices = signal<readonly Notice[]>([]);
  const reading = signal(false);
  const chosenId = signal<number | undefined>(undefined);
  const chosen = computed(() => list.value.find(({ id }) => id === chosenId.value) ?? list.value[0]);
  let lastId = 0;

  function update(id: number, facts: Partial<EditorPicture>): void {
    list.value = list.value.map((picture) => (picture.id === id ? { ...picture, ...facts } : picture));
  }

  async function examine({ id, url, file }: EditorPicture): Promise<void> {
    const size = await measure(url);
    update(id, { size, measured: true });
    if (size === undefined) return;
    const thumbnail = await thumbnailOf(file, size);
    if (thumbnail !== undefined) update(id, { thumbnail: URL.createObjectURL(thumbnail) });
  }

  function forget(picture: EditorPicture): void {
    URL.revokeObjectURL(picture.url);
    if (picture.thumbnail !== undefined) URL.revokeObjectURL(picture.thumbnail);
  }

  function take(files: readonly PictureFile[]): void {
    const taken = files.map((facts): EditorPicture => {
      lastId++;
      const { name, kind, file } = facts;
      const url = URL.createObjectURL(file);
      return { id: lastId, name, kind, file, url, thumbnail: undefined, size: undefined, measured: false };
    });
    list.value = [...list.value, ...taken];
    chosenId.value = taken[0]?.id ?? chosenId.value;
    for (const picture of taken) void examine(picture);
  }

  async function add(files: readonly File[]): Promise<void> {
    if (files.length === 0) return;
    reading.value = true;
    const read = await Promise.all(files.map(readPictureFile));
    reading.value = false;
    const present = list.value;
    const bytes = present.reduce((sum, { file }) => sum + file.size, 0);
    const { taken, refused, leftOut } = checkFiles(read, { count: present.length, bytes }, limits.value);
    const { images } = limits.value;
    const largest = largestPicture(limits.value);
    notices.value = [
      ...refused.map(({ file, reason }) => ({ kind: 'refused', name: file.name, reason, largest }) as const),
      ...(leftOut === 0 ? [] : [{ kind: 'left_out', count: leftOut, images } as const]),
      ...taken.filter(({ converted }) => converted).map(({ name }) => ({ kind: 'converted', name }) as const),
    ];
    take(taken);
  }

  return {
    list,
    notices,
    reading,
    chosen,
    add,
    async replace(files) {
      for (const picture of list.value) forget(picture);
      list.value = [];
      await add(files);
    },
    remove(id) {
      const at = list.value.findIndex((picture) => picture.id === id);
      const picture = list.value[at];
      if (picture === undefined) return;
      list.value = list.value.filter((each) => each !== picture);
      if (chosenId.value === id) chosenId.value = (list.value[at] ?? list.value.at(-1))?.id;
      forget(picture);
      notices.value = [];
    },
    move(id, to) {
      const from = list.value.findIndex((picture) => picture.id === id);
      if (from >= 0) list.value = moveItem(list.value, from, to);
    },
    choose: (id) => {
      chosenId.value = id;
    },
    dismissNotices: () => {
      notices.value = [];
    },
  };
}
