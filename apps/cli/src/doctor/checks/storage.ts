import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createStore, readObject } from '@qwen-edit/storage';
import { s3Options, storageUrlOf } from '../../roles/backends.ts';
import type { Check, DoctorDeps } from '../check.ts';
import { type Finding, findingOf, noteFinding, okFinding, problemFinding } from '../finding.ts';
import { mayWriteInto, nearestFolder } from '../nearest-folder.ts';

/** S3 refuses requests that were signed more than 15 minutes ago or ahead. */
const REFUSED_MS = 15 * 60_000;
const SKEW_MS = 60_000;
const PROBE_BYTES = 64;

/** Where pictures lie: reached, and with --write also written, read and deleted. */
export const checkStorage: Check = async (deps, signal) => {
  const url = storageUrlOf(deps.config);
  const findings = /^file:/i.test(url) ? await folderFindings(url) : await bucketFindings(deps, url, signal);
  const isBroken = findings.some(({ status }) => status === 'problem');
  if (deps.write && !isBroken) findings.push(await probe(deps, url, signal));
  return findings;
};

async function folderFindings(url: string): Promise<Finding[]> {
  const rest = url.slice('file:'.length);
  const folder = rest.startsWith('//') ? fileURLToPath(url) : resolve(rest);
  const facts = await stat(folder).catch(() => undefined);
  if (facts === undefined) {
    const parent = await nearestFolder(folder);
    if (await mayWriteInto(parent)) return [okFinding(`the folder ${folder} will be made by the first start`)];
    return [notWritable(parent)];
  }
  return [(await mayWriteInto(folder)) ? okFinding(`the folder ${folder} can be written to`) : notWritable(folder)];
}

const notWritable = (folder: string): Finding =>
  problemFinding(`The folder ${folder} cannot be written to.`, {
    remedy:
      'Let the user that the service runs as write to it, or set STORAGE_URL or QWEN_EDIT_DATA_DIR to another one.',
  });

async function bucketFindings(deps: DoctorDeps, url: string, signal: AbortSignal): Promise<Finding[]> {
  const store = createStore(url, { s3: { ...s3Options(deps.config), maxAttempts: 1 } });
  try {
    await store.check(signal);
    return [okFinding(`${url} is reached`), ...(await clockFindings(deps, signal))];
  } catch (thrown) {
    return [findingOf(thrown), ...(await clockFindings(deps, signal))];
  } finally {
    await store.close();
  }
}

/** Every answer of S3 has its time, also one that refuses. */
async function clockFindings({ config, fetch, now }: DoctorDeps, signal: AbortSignal): Promise<Finding[]> {
  const endpoint = config.s3Endpoint ?? `https://s3.${config.region ?? 'us-east-1'}.amazonaws.com`;
  const answer = await fetch(endpoint, { method: 'HEAD', signal, redirect: 'manual' }).catch(() => undefined);
  const theirs = Date.parse(answer?.headers.get('date') ?? '');
  const skew = theirs - now();
  if (Number.isNaN(skew) || Math.abs(skew) < SKEW_MS) return [];
  const facts = `This machine's clock and that of S3 are ${Math.round(Math.abs(skew) / 1000)} s apart.`;
  const remedy = 'Let NTP or chrony keep the clock of this machine.';
  if (Math.abs(skew) < REFUSED_MS) return [noteFinding(facts, remedy)];
  return [
    problemFinding(facts, {
      cause: 'S3 refuses requests that are signed at another time (RequestTimeTooSkewed).',
      remedy,
    }),
  ];
}

async function probe(deps: DoctorDeps, url: string, signal: AbortSignal): Promise<Finding> {
  const store = createStore(url, { s3: s3Options(deps.config) });
  const key = `doctor/probe-${randomUUID()}`;
  try {
    const bytes = new Uint8Array(PROBE_BYTES).fill(7);
    await store.put(key, bytes, { mediaType: 'application/octet-stream', signal });
    const read = await readObject(store, key, { maxBytes: PROBE_BYTES, signal });
    await store.delete([key], { signal });
    if (read !== undefined && Buffer.compare(read, bytes) === 0)
      return okFinding('an object was written, read and deleted');
    return problemFinding('An object that was written is not the same when it is read.', {
      remedy: 'Check what answers at STORAGE_URL.',
    });
  } catch (thrown) {
    await store.delete([key]).catch(() => undefined);
    return findingOf(thrown);
  } finally {
    await store.close();
  }
}
