import { askHub, bytesText, listModels } from '@qwen-edit/hub';
import { refText } from '@qwen-edit/hub/model-ref';
import { missingText } from '../../model/stored-model.ts';
import { wantedModel } from '../../model/wanted-model.ts';
import type { Check, DoctorDeps } from '../check.ts';
import { type Finding, findingOf, noteFinding, okFinding, problemFinding } from '../finding.ts';

/**
 * The hub: its cache, proxies, and whether it lets the model be downloaded. It is only asked where one is to come from there: nobody
 * else has to learn that doctor was run.
 */
export const checkHub: Check = async (deps, signal) => {
  const { chosen, modelDir, hub, config } = deps;
  const findings = [...(await cacheFindings(deps)), ...proxyFindings(deps)];
  const wanted = chosen.kind === 'hub' && modelDir === undefined ? chosen : undefined;
  if (hub.offline && wanted !== undefined) {
    const name = refText(wanted.ref);
    findings.push(
      problemFinding(`HF_HUB_OFFLINE is on, and ${name} is not whole in ${wanted.localDir ?? hub.cacheDir}.`, {
        cause: 'Nothing may be downloaded, and there is nothing to load.',
        remedy: `Unset HF_HUB_OFFLINE and run \`qwen-edit model pull ${name}\`, correct HF_HOME, or set QWEN_EDIT_2511_DIR to the folder of the model.`,
      }),
    );
  }
  if (hub.offline) return [...findings, okFinding('HF_HUB_OFFLINE is on: nothing is downloaded')];
  if (wanted === undefined && config.hubEndpoint === undefined)
    return [...findings, okFinding('no model is to be downloaded, so the hub was not called')];
  const ref = wanted?.ref ?? wantedModel(undefined, undefined, config);
  try {
    await askHub(ref, hub, signal);
    return [...findings, okFinding(`${new URL(hub.endpoint).host} has ${refText(ref)}`)];
  } catch (thrown) {
    signal.throwIfAborted();
    return [...findings, findingOf(thrown, wanted === undefined ? 'note' : 'problem')];
  }
};

/** Models of this kind in the cache, which other programs fill too. What is missing of the chosen one, the check of the model tells. */
async function cacheFindings({ hub, chosen }: DoctorDeps): Promise<Finding[]> {
  const own = chosen.kind === 'hub' ? chosen.ref.repo : undefined;
  const models = (await listModels(hub)).filter(({ repo }) => repo !== null && /image-edit/i.test(repo));
  return models.flatMap(({ repo, revisions, dir, bytes, missing, downloading }) => {
    const name = [repo, ...revisions].join(' ');
    if (missing.length === 0) return [okFinding(`${name} is in the cache: ${dir}, ${bytesText(bytes)}`)];
    if (downloading) return [noteFinding(`${name} is being downloaded: ${bytesText(bytes)} are there.`)];
    if (repo === own) return [];
    return [
      noteFinding(
        `${name} is not whole in the cache: ${missingText(missing)}; ${bytesText(bytes)} are there.`,
        `Run \`qwen-edit model pull ${repo}\`, which downloads what is missing, or \`qwen-edit model remove ${repo}\`.`,
      ),
    ];
  });
}

function proxyFindings({ config }: DoctorDeps): Finding[] {
  const proxies = {
    HTTPS_PROXY: config.httpsProxyLower ?? config.httpsProxy,
    HTTP_PROXY: config.httpProxyLower ?? config.httpProxy,
  };
  const set = Object.entries(proxies).flatMap(([name, address]) => (address === undefined ? [] : [name]));
  return set.length === 0 ? [] : [okFinding(`downloads go through ${set.join(' and ')}`)];
}
