import type { Job, JobOutput } from '@qwen-edit/contract';
import { resultFileName } from '../../lib/file-name.ts';
import { formOfJob } from '../../lib/parameters.ts';
import { useApp, useFormat, useWords } from '../../state/use-app.tsx';
import { Icon } from '../common/icon.tsx';

/** A browser may take so long to start a download. */
const KEPT_MS = 60_000;

/** Saves the shown result, or all results. */
export function Downloads({ job, index }: { readonly job: Job; readonly index: number }) {
  const { client, callService } = useApp();
  const { results: words } = useWords();
  const format = useFormat();
  const outputs = job.output ?? [];
  const shown = outputs[index];
  if (shown === undefined) return null;
  const { prompt } = formOfJob(job);
  /** Saves under a name that says what it is. If the page cannot fetch the picture, as from another host, saves by its link. */
  async function save({ index: i, media_type }: JobOutput): Promise<void> {
    const answer = await callService((to) => to.picture(job.id, 'outputs', i));
    const url = answer.ok ? URL.createObjectURL(answer.value) : client.pictureUrl(job.id, 'outputs', i);
    const download = resultFileName(prompt, i, outputs.length, media_type);
    Object.assign(document.createElement('a'), { href: url, download }).click();
    if (answer.ok) setTimeout(() => URL.revokeObjectURL(url), KEPT_MS);
  }

  async function saveAll(): Promise<void> {
    for (const output of outputs) await save(output);
  }

  return (
    <div class="downloads">
      <a
        class="button primary large"
        href={client.pictureUrl(job.id, 'outputs', index)}
        download
        onClick={(event) => {
          event.preventDefault();
          void save(shown);
        }}
      >
        <Icon name="down" />
        {words.download}
        <span class="button-note">
          {shown.width}×{shown.height} · {format.bytes(shown.bytes)}
        </span>
      </a>
      {outputs.length > 1 && (
        <button type="button" class="button" onClick={() => void saveAll()}>
          {words.downloadAll(outputs.length)}
        </button>
      )}
    </div>
  );
}
