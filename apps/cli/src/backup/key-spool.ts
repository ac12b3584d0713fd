import { open, unlink } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { z } from 'zod';

const objectSchema = z.object({
  key: z.string(),
  kind: z.string(),
  /** null for an upload whose content has not come yet. */
  sha256: z.string().nullable(),
  bytes: z.number().nullable(),
});
/** An object that a row names. */
export type NamedObject = z.infer<typeof objectSchema>;

/** Which objects rows name, on the disk: there may be millions. */
export interface KeySpool {
  /** Adds a row of the assets, as JSON. */
  add(row: string): Promise<void>;
  read(): AsyncIterable<NamedObject>;
  close(): Promise<void>;
}

const FLUSH_CHARACTERS = 2 ** 16;

/** A spool in a file that has no name from the start on, so that a killed process leaves nothing. */
export async function createKeySpool(path: string): Promise<KeySpool> {
  const file = await open(path, 'w+', 0o600);
  await unlink(path);
  let waiting = '';
  const flush = async (): Promise<void> => {
    const lines = waiting;
    waiting = '';
    await file.appendFile(lines);
  };
  return {
    async add(row) {
      waiting += `${JSON.stringify(objectSchema.parse(JSON.parse(row)))}\n`;
      if (waiting.length > FLUSH_CHARACTERS) await flush();
    },
    async *read() {
      await flush();
      const input = file.createReadStream({ start: 0, autoClose: false });
      for await (const line of createInterface({ input })) yield objectSchema.parse(JSON.parse(line));
    },
    close: () => file.close(),
  };
}
