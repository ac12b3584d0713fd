import {
  DEVICE_NAMES,
  LIMITS,
  OUTPUT_FORMATS,
  PARAMETERS,
  PRECISION_NAMES,
  precisionFacts,
  runnablePrecisions,
} from '@qwen-edit/contract';
import { helpLine, parametersHelp } from './parameter-help.ts';

export const HELP = `qwen-edit: edits pictures with Qwen-Image-Edit-2511

  a service, all in one; nothing else to install
    qwen-edit serve                       http://127.0.0.1:7860
  its parts, to run as many of each as you like (needs DATABASE_URL)
    qwen-edit api | worker | dispatcher
  jobs of a running service
    qwen-edit submit --image IN.png --prompt TEXT [--out OUT.png]
    qwen-edit status | watch | cancel ID
    qwen-edit list
    qwen-edit smoke --url URL             whether a deployment does what it should, from outside
  the model, 57 GB; without it a small demo model is used
    qwen-edit model pull | list | verify | remove
  tools
    qwen-edit doctor                      looks at everything that an edit needs, and says what is wrong
    qwen-edit selftest [--device NAME]    compares a device with the processor, as each engine does before it serves
    qwen-edit edit --image IN.png --prompt TEXT --out OUT.png    an edit without a service
    qwen-edit migrate                     brings the database to this version's schema
    qwen-edit backup FILE                 everything that a service holds, in one file; it may run meanwhile
    qwen-edit restore FILE                the other way, into an empty data folder
    qwen-edit storage verify              which stored pictures are missing, and whose they are
    qwen-edit keys create | list | revoke
    qwen-edit plan memory                 what an edit needs of memory, also before a model is downloaded
    qwen-edit config                      every setting, and where its value comes from

  qwen-edit COMMAND --help
  qwen-edit --version
`;

const PARAMETERS_HELP = parametersHelp();
const PROMPT_HELP = helpLine('--prompt TEXT', PARAMETERS.prompt.cli.help);
const FORMATS = `${OUTPUT_FORMATS.slice(0, -1).join(', ')} or ${OUTPUT_FORMATS.at(-1)}`;

const DEVICE_HELP = helpLine(
  '--device NAME',
  'cpu, webgpu, cuda, cuda:1, or cuda:0+cuda:1 for both (default: a free card of CUDA, else cpu)',
);
const RUNS = DEVICE_NAMES.map((device) => `${runnablePrecisions(device).join(', ')} on ${device}`).join('; ');
const PRECISION_HELP = helpLine('--precision NAME', `how the networks compute: ${RUNS}`);
/** Every precision in words, and the devices that have arithmetic for it. */
const PRECISIONS_HELP = PRECISION_NAMES.map((name) => {
  const { label, devices } = precisionFacts(name);
  return `  ${name.padEnd(6)}${label} (${devices.join(', ')})`;
}).join('\n');

export const PLAN_HELP = `What an edit needs of memory, by arithmetic from the sizes in a model's files, and whether it is there.

  qwen-edit plan memory [flags]

  --model DIR|NAME         a model folder, or a name such as Qwen/Qwen-Image-Edit-2511, which need not be downloaded
                           (default: QWEN_EDIT_2511_DIR, else Qwen/Qwen-Image-Edit-2511)
  --precision NAME         one of the list below (default: fp32 on cpu, fp16 on webgpu, bf16 on cuda)
  --device NAME            cpu, webgpu or cuda; it need not be in this machine
  --memory SIZE            as 16GiB, of a card its own (default: what this machine may use; of a card only this flag tells)
  --size WxH               of the result (default: as the model makes it)
  --preset NAME            draft (512 x 512 with references of that size), or one of the model, as lightning-4
  --references N           pictures, 1 to ${LIMITS.images} (default: 1)
  --reference-size KIND    model or output: whether references have the model's area or the result's
  --steps N                denoising steps (default: as the model recommends)
  --json                   one JSON object on standard output

Precisions, and the devices that have arithmetic for them:
${PRECISIONS_HELP}

Exit codes: 0 it fits, 1 it does not, 2 bad usage.
`;

export const SELFTEST_HELP = `Compares what a device computes with fp32 on the processor: each network in a small edit, and one block of the
model. Engines do the same before they serve: if it fails, they go on with safe kernels, and else not at all.

  qwen-edit selftest [flags]

  --device NAME            cpu (default), webgpu, cuda or cuda:0, cuda:1, ...
  --precision NAME         as of \`qwen-edit edit\` (default: QWEN_EDIT_DTYPE, else fp32)
  --model MODEL            whose block is computed: its folder, or owner/name of the hub if it has been downloaded
                           (default: QWEN_EDIT_MODEL, else QWEN_EDIT_2511_DIR, else a small demo model)
  --kernels fast|safe      only these (default: the fast ones, then what engines would go on with)
  --operators              also each operator by itself: which one is wrong, and on what shapes
  --json                   one JSON object on standard output
  -h, --help               this text

Exit codes: 0 an engine can serve on this device, 1 it cannot, 2 bad usage, 130 stopped by Ctrl-C.
`;

export const EDIT_HELP = `Edits one picture, or several together, as the prompt says.

  qwen-edit edit --image A.png [--image B.png ...] --prompt TEXT --out OUT.png [flags]

  --image FILE             a picture, 1 to ${LIMITS.images} times; the prompt may call them Picture 1, Picture 2, ...
${PROMPT_HELP}
  --out FILE               where the result goes; .png, .jpg or .webp decides its format,
                           several results become OUT-0.png, OUT-1.png, ...
  --model MODEL            its folder, or owner/name of the hub if it has been downloaded
                           (default: QWEN_EDIT_MODEL, else QWEN_EDIT_2511_DIR, else a small demo model)
${PARAMETERS_HELP}
  --device NAME            cpu (default), webgpu, cuda or cuda:0, cuda:1, ...; it has to pass its self-test first
${PRECISION_HELP}
${DEVICE_HELP}
  --json                   one JSON object on standard output
  -h, --help               this text

Exit codes: 0 done, 1 failed, 2 bad usage, 130 stopped by Ctrl-C.
`;

export const SUBMIT_HELP = `Makes a job of an edit, for a running service.

  qwen-edit submit --image A.png [--image B.png ...] --prompt TEXT [flags]

  --image FILE             a picture, 1 to ${LIMITS.images} times
${PROMPT_HELP}
  --out FILE               waits for the end and saves the result here
  --wait                   waits for the end
${PARAMETERS_HELP}
  --format FORMAT          ${FORMATS}, where --out does not say
  --webhook-url URL        is told of the job's end
  --deadline TIME          as 2030-01-31T12:00:00Z; a job that is not done by then expires
  --metadata NAME=VALUE    kept with the job; any number of times
  --idempotency-key KEY    the same key again finds the same job
  --url URL                the service (default: QWEN_EDIT_URL, else the one that uses the data folder)
  --json                   the job as JSON

Prints the id of the job. Exit codes: 0 accepted, or done where it waits; 1 failed; 2 bad usage.
`;

export const JOBS_HELP = `Jobs of a running service.

  qwen-edit status ID [--out FILE]         how it is; saves its results
  qwen-edit watch ID [--out FILE]          its progress until its end
  qwen-edit cancel ID                      asks it to stop
  qwen-edit list [--status WORD] [--limit N] [--cursor C]

  --url URL                the service (default: QWEN_EDIT_URL, else the one that uses the data folder)
  --json                   JSON; of watch, each event as a line
`;

export const SMOKE_HELP = `Checks a deployment from outside, as its callers see it: through the balancer, with a key, by edits of a small picture.

  qwen-edit smoke --url URL [flags]

  --url URL                the service (default: QWEN_EDIT_URL, else the one that uses the data folder)
  --key KEY                an API key with the scopes submit and read (default: QWEN_EDIT_API_KEY, which other users do not see)
  --timeout SECONDS        how long to wait for the model, and for each edit (default: 600)
  --skip NAME              leaves a check out; any number of times, or several with commas between
  --prompt TEXT            what the edits are told (default: Turn this photo into grayscale)
  --webhook-listen HOST:PORT   listens there for a webhook and verifies its signature
  --webhook-url URL        what the service is to call: the way to --webhook-listen, or another receiver
  --json                   one JSON object on standard output
  -h, --help               this text

The checks: reachable, health, key, problems, metrics, edit, guide (POST /edit), events, cancel, idempotency, uploads (40 MB and
too much), webhooks, openai (where the service has it), cleanup. They make some ten edits, and delete them.
Exit codes: 0 nothing has failed, 1 something has, 2 bad usage, 130 stopped by Ctrl-C.
`;

export const SERVE_HELP = `Runs the service, or one of its parts, until it is stopped.

  qwen-edit serve | api | worker | dispatcher [flags]

  --host HOST              where to listen (default: HOST, else 127.0.0.1); another address needs API keys or --insecure
  --port PORT              default: PORT, else 7860
  --insecure               answer anybody, without API keys
  --data-dir DIR           default: QWEN_EDIT_DATA_DIR, else .qwen-edit
  --model MODEL            a folder, or owner/name of the hub, which is downloaded first
                           (default: QWEN_EDIT_MODEL, else QWEN_EDIT_2511_DIR, else the demo model, which --model= also means)

serve needs nothing else: without DATABASE_URL it brings a PostgreSQL of its own. The parts need DATABASE_URL.
Everything else is set by the environment: \`qwen-edit config\` lists it.
`;

export const BACKUP_HELP = `Writes everything that a service holds into one file, and restores it.

  qwen-edit backup FILE [--data-dir DIR] [--json]
  qwen-edit restore FILE [--data-dir DIR] [--json]
  qwen-edit restore --check FILE         reads every byte of it, and changes nothing

  --data-dir DIR           default: QWEN_EDIT_DATA_DIR, else .qwen-edit
  --json                   one JSON object on standard output
  -h, --help               this text

A service may run while its backup is made. The file holds all rows as of one moment, the pictures that they name and the secret
that signs addresses: keep it where only you can read it. A restore needs an empty data folder that no service uses, and does all
of its work or none. With DATABASE_URL both use that database, and STORAGE_URL; the database has to be new for a restore.

Exit codes: 0 done, 1 failed, 2 bad usage, 130 stopped by Ctrl-C.
`;

export const STORAGE_HELP = `Compares the pictures that jobs name with those that are stored.

  qwen-edit storage verify [--data-dir DIR] [--json]

  --data-dir DIR           default: QWEN_EDIT_DATA_DIR, else .qwen-edit
  --json                   a line of JSON for each picture that is missing or has another size, then one that sums up
  -h, --help               this text

It changes nothing, and may run beside a service. Exit codes: 0 nothing is missing, 1 something is, 2 bad usage.
`;

export const KEYS_HELP = `API keys. While there are none, everybody who reaches the service is the owner \`local\`.

  qwen-edit keys create --name NAME [--owner OWNER] [--scopes submit,read,admin] [--expires 90d]
  qwen-edit keys list [--json]
  qwen-edit keys revoke ID

A key is shown once; the database keeps its hash. --expires takes a duration (90d, 12h) or a date (2027-01-31); without it a
key has no end until it is revoked. One owner never sees the jobs of another.
`;

export const DOCTOR_HELP = `Looks at everything that a service and an edit need, and says what is wrong, why, and what to do.

  qwen-edit doctor [flags]

  --model MODEL            a folder, or OWNER/NAME or OWNER/NAME@REVISION on the hub
                           (default: QWEN_EDIT_MODEL, else QWEN_EDIT_2511_DIR, else the demo model)
  --data-dir DIR           default: QWEN_EDIT_DATA_DIR, else .qwen-edit
  --skip NAME              leaves a check out; any number of times, or several with commas between
  --write                  also writes, reads and deletes a small object in STORAGE_URL
  --json                   one JSON object on standard output
  -h, --help               this text

It changes nothing (but for --write), and may run beside a service. Exit codes: 0 no problem, 1 a problem, 2 bad usage.
`;

export const MIGRATE_HELP = `Brings the database of DATABASE_URL (else the embedded one) to this version's schema.

  qwen-edit migrate [flags]

  --plan                   changes nothing: prints each statement that is pending, the locks that it takes, whether it
                           reads or rewrites a table, and what that keeps the service from
  --lock-timeout SECONDS   a lock that is not had after this is given up, and tried again after a pause
                           (default: QWEN_EDIT_MIGRATE_LOCK_SECONDS, else 2)
  --wait SECONDS           how long each migration is tried in all (default: QWEN_EDIT_MIGRATE_WAIT_SECONDS, else 600)
  --shared                 takes a database that has tables of another program, the first time
  --json                   one JSON object on standard output
  -h, --help               this text

Exit codes: 0 done, or nothing to do; with --plan, no statement holds the service up. 1 failed; with --plan, a statement
holds the service up, or may. 2 bad usage.
`;

export const TOOLS_HELP = `qwen-edit config [--json]   every setting, its value and where it comes from; secrets are masked
`;

export const MODEL_HELP = `Models and LoRAs from the hub, in the cache that Python's huggingface_hub uses too, or in the folder of QWEN_EDIT_2511_DIR.

  qwen-edit model pull [REPO|REPO:FILE] [--revision R] [--include GLOB ...] [--json]
                                 downloads it, or what is missing of it, and verifies each file. Of a repository of LoRAs
                                 its LoRAs, or the one FILE, always to the cache
  qwen-edit model list [--json]  every model and LoRA that is there: where, how large, what is missing, and what was prepared of it
  qwen-edit model remove REPO|DIR [--revision R] [--yes] [--json]
                                 with the weights that were prepared of it; of a DIR only those
  qwen-edit model verify [REPO|DIR] [--quick] [--json]
                                 what is wrong with it; its flags: qwen-edit model verify --help
  qwen-edit model calibrate [REPO|DIR] [--precision w8a8] [--image FILE] [--prompt TEXT] [--json]
                                 measures which layers need more exact products, and notes it for the next load

  REPO                     OWNER/NAME or OWNER/NAME@REVISION (default: QWEN_EDIT_MODEL, else Qwen/Qwen-Image-Edit-2511)
  --revision R             a branch, a tag or a commit (default: main)
  --include GLOB           only files that match; any number of times. The folder is then not whole
  --yes                    removes without asking
  --json                   JSON; of pull, each event as a line
  -h, --help               this text

A stopped download goes on where it was. The environment names the hub and the cache: HF_ENDPOINT (a mirror), HF_TOKEN,
HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE=1 (no request), HTTPS_PROXY.
Exit codes: 0 done, 1 failed, 2 bad usage, 130 stopped by Ctrl-C.
`;

export const VERIFY_HELP = `Lists everything that is wrong with a model folder, each with what to do about it.

  qwen-edit model verify [REPO|DIR] [--quick] [--json]

  REPO                     a model that was downloaded, by its name, as Qwen/Qwen-Image-Edit-2511
  DIR                      a folder (default: QWEN_EDIT_2511_DIR, else the demo model)
  --quick                  file sizes, headers, names and shapes of all weights, without reading the weights: a second.
                           Else everything is read once: digests, parts that were never written, NaN and infinity;
                           then the weights that were prepared of it, and what they were made of
  --json                   the findings as JSON
  -h, --help               this text

Exit codes: 0 nothing is wrong, 1 something is, 2 bad usage, 130 stopped by Ctrl-C.
`;
