import type { CardFault, CardReport } from './card.ts';
import { readMigList } from './mig-list.ts';
import { ALL_FIELDS, OLD_FIELDS, readNvidiaCsv } from './nvidia-csv.ts';
import { endOfTool, type RunTool, type ToolEnd } from './run-tool.ts';

/** On PATH nearly everywhere; in WSL 2 it lies there. */
const PROGRAMS = ['nvidia-smi', '/usr/lib/wsl/lib/nvidia-smi'];
/** Is there as long as the driver's kernel module is loaded. */
const DRIVER_FILE = '/proc/driver/nvidia/version';
const LIMIT_MS = 5000;

export interface NvidiaDeps {
  readonly run: RunTool;
  /** The text of a file; undefined where there is none. */
  readonly read: (path: string) => Promise<string | undefined>;
  readonly limitMs?: number;
}

/** Asks nvidia-smi for every card. Takes some seconds at most, and never rejects: what is in the way is told. */
export async function askNvidiaSmi({ run, read, limitMs = LIMIT_MS }: NvidiaDeps): Promise<CardReport> {
  for (const program of PROGRAMS) {
    const ask = (...args: string[]): Promise<ToolEnd> => endOfTool(run, program, args, limitMs);
    const answer = await ask(`--query-gpu=${ALL_FIELDS.join(',')}`, '--format=csv,noheader,nounits');
    if (answer.end === 'missing') continue;
    if (!/is not a valid field/i.test(answer.text)) return reportOf(answer, ALL_FIELDS, ask);
    const old = await ask(`--query-gpu=${OLD_FIELDS.join(',')}`, '--format=csv,noheader,nounits');
    return reportOf(old, OLD_FIELDS, ask);
  }
  const isLoaded = (await read(DRIVER_FILE)) !== undefined;
  return { cards: [], fault: isLoaded ? NO_TOOL : NO_DRIVER };
}

async function reportOf(
  { end, text }: ToolEnd,
  fields: readonly string[],
  ask: (...args: string[]) => Promise<ToolEnd>,
): Promise<CardReport> {
  const { cards, other } = readNvidiaCsv(text, fields);
  const fault = end === 'late' ? LATE : faultOf(other.join(' '), cards.length > 0, end);
  if (!cards.some(({ isDivided }) => isDivided)) return { cards, fault };
  const parts = readMigList((await ask('-L')).text, cards);
  const isWhole = cards.flatMap((card) => [card, ...parts.filter(({ id }) => id === card.id)]);
  return { cards: isWhole, fault };
}

/** Its words for what is in the way, and what helps. The words are those of nvidia-smi and of NVML. */
const KNOWN: readonly (Omit<CardFault, 'message'> & { readonly words: RegExp })[] = [
  {
    words: /no devices were found/i,
    kind: 'no_cards',
    remedy: 'Look whether the card is seated and has power; in a container, start it with `--gpus all`.',
  },
  {
    words: /version mismatch/i,
    kind: 'driver_fault',
    remedy: 'The driver was updated while its old kernel module is loaded: restart the machine.',
  },
  {
    words: /couldn't communicate with the nvidia driver|driver not loaded/i,
    kind: 'driver_fault',
    remedy:
      'Install the driver again for the kernel that runs (after an update of the kernel), or load it: `modprobe nvidia`.',
  },
  {
    words: /insufficient permissions/i,
    kind: 'driver_fault',
    remedy: 'Let the user of the service read and write /dev/nvidia*.',
  },
  {
    words: /unable to determine the device handle|is lost|requires reset/i,
    kind: 'driver_fault',
    remedy:
      'A card has fallen off the bus: restart the machine; if it stays, check its power, its cooling and its slot.',
  },
  {
    words: /failed to initialize nvml/i,
    kind: 'driver_fault',
    remedy: 'Restart the container, if it runs in one: it has lost its devices. Else restart the machine.',
  },
];

function faultOf(words: string, hasCards: boolean, end: ToolEnd['end']): CardFault | undefined {
  if (words === '' && (hasCards || end === 'done')) return hasCards ? undefined : NO_CARDS;
  const known = KNOWN.find((each) => each.words.test(words));
  if (known !== undefined) return { kind: known.kind, message: `nvidia-smi says: ${words}`, remedy: known.remedy };
  if (hasCards) return undefined;
  return {
    kind: 'unreadable',
    message: words === '' ? 'nvidia-smi has failed without a word.' : `nvidia-smi says: ${words}`,
    remedy: 'Run `nvidia-smi` and follow what it says.',
  };
}

const NO_DRIVER: CardFault = {
  kind: 'no_driver',
  message: 'There is no driver of NVIDIA on this machine.',
  remedy:
    'Install the driver of the card; in a container, start it with `--gpus all` and the NVIDIA Container Toolkit.',
};
const NO_TOOL: CardFault = {
  kind: 'no_tool',
  message: 'There is a driver of NVIDIA, and no nvidia-smi that tells how much memory is free.',
  remedy: 'In a container, set NVIDIA_DRIVER_CAPABILITIES=compute,utility; else install the tools of the driver.',
};
const NO_CARDS: CardFault = {
  kind: 'no_cards',
  message: 'nvidia-smi lists no card.',
  remedy: 'Look whether the card is seated and has power; in a container, start it with `--gpus all`.',
};
const LATE: CardFault = {
  kind: 'late',
  message: 'nvidia-smi has not answered in time.',
  remedy:
    'Run `nvidia-smi`; if it hangs too, restart the machine. `nvidia-smi -pm 1` keeps the driver loaded, so that it answers sooner.',
};
