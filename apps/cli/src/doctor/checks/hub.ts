import type { Check, DoctorDeps } from '../check.ts';
import { type Finding, noteFinding, okFinding, problemFinding } from '../finding.ts';
import { cachedModels, hubCacheOf, hubModelName, snapshotOf } from '../hub-cache.ts';

const HUB = 'https://huggingface.co';
const ON = /^(1|on|yes|true)$/i;
const ANSWER_MS = 5000;
const ADDRESS = /^(https?|socks[45]?h?):\/\/[^/]+/i;
const PROXIES = ['HTTPS_PROXY', 'HTTP_PROXY', 'ALL_PROXY', 'https_proxy', 'http_proxy', 'all_proxy'];

/**
 * Hugging Face: its cache, downloads that were not finished, and whether it is reached. It is only called where a model is to come
 * from there: nobody else has to learn that doctor was run.
 */
export const checkHub: Check = async (deps, signal) => {
  const { environment } = deps;
  const cache = hubCacheOf(deps);
  const findings = [...(await cacheFindings(cache)), ...proxyFindings(deps)];
  const wanted = hubModelName(deps);
  const isOffline = ON.test(environment.HF_HUB_OFFLINE ?? '');
  const folder = deps.config.modelDir ?? (await snapshotOf(cache, wanted));
  if (isOffline && wanted !== '' && folder === undefined) {
    findings.push(
      problemFinding(`HF_HUB_OFFLINE is on, and ${wanted} is not in ${cache}.`, {
        cause: 'Nothing may be downloaded, and there is nothing to load.',
        remedy:
          'Unset HF_HUB_OFFLINE until the model is there, correct HF_HOME, or set QWEN_EDIT_2511_DIR to its folder.',
      }),
    );
  }
  if (isOffline) return [...findings, okFinding('HF_HUB_OFFLINE is on: nothing is downloaded')];
  if (wanted === '' && (environment.HF_ENDPOINT ?? '') === '')
    return [...findings, okFinding('no model is to be downloaded, so the hub was not called')];
  return [...findings, await reach(deps, signal)];
};

async function cacheFindings(cache: string): Promise<Finding[]> {
  return (await cachedModels(cache)).map(({ name, unfinished }) =>
    unfinished === 0
      ? okFinding(`${name} is in the cache ${cache}`)
      : noteFinding(
          `${unfinished} files of ${name} in ${cache} were begun and not finished.`,
          'Download it again: it goes on where it stopped.',
        ),
  );
}

function proxyFindings({ environment }: DoctorDeps): Finding[] {
  const set = PROXIES.filter((name) => (environment[name] ?? '') !== '');
  const wrong = set.filter((name) => !ADDRESS.test(environment[name] ?? ''));
  if (wrong.length > 0)
    return wrong.map((name) =>
      problemFinding(`${name} is no address.`, { remedy: `Write ${name} as http://host:port, or unset it.` }),
    );
  return set.length === 0 ? [] : [okFinding(`proxies are set: ${set.join(', ')}`)];
}

async function reach({ environment, fetch }: DoctorDeps, signal: AbortSignal): Promise<Finding> {
  const endpoint = (environment.HF_ENDPOINT || HUB).replace(/\/+$/, '');
  const shown = URL.canParse(endpoint) ? new URL(endpoint).host : 'HF_ENDPOINT';
  const remedy =
    'Check the network and the proxies, or set HF_ENDPOINT to a mirror; with the model in a folder set QWEN_EDIT_2511_DIR and HF_HUB_OFFLINE=1.';
  if (!URL.canParse(endpoint))
    return problemFinding('HF_ENDPOINT is no address.', { remedy: 'Set it to https://host, or unset it.' });
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]);
    const answer = await fetch(`${endpoint}/api/models/Qwen/Qwen-Image-Edit-2511`, {
      signal: limit,
      redirect: 'manual',
    });
    await answer.body?.cancel();
    const isJson = (answer.headers.get('content-type') ?? '').includes('json');
    if (answer.ok && isJson) return okFinding(`${shown} answers`);
    const what = answer.ok ? 'with a page instead of the API of a hub' : `with ${answer.status}`;
    return noteFinding(`${shown} answers ${what}.`, remedy);
  } catch {
    return noteFinding(`${shown} is not reached.`, remedy);
  }
}
