import { isTerminal, type Job } from '@qwen-edit/contract';
import { useState } from 'preact/hooks';
import { formOfJob } from '../../lib/parameters.ts';
import { HISTORY } from '../../lib/routes.ts';
import { pictureToCompare } from '../../lib/size.ts';
import type { JobView } from '../../state/job-view.ts';
import { useApp, useFormat, useWords } from '../../state/use-app.tsx';
import { Icon } from '../common/icon.tsx';
import { DeleteDialog } from '../history/delete-dialog.tsx';
import { SettingsBrief } from '../settings/settings-brief.tsx';
import { useTitle } from '../shell/use-title.ts';
import { Filmstrip } from './filmstrip.tsx';
import { JobPicture } from './job-picture.tsx';
import { OutcomeCard } from './outcome-card.tsx';
import { ProgressCard } from './progress-card.tsx';
import { ReceiptPanel } from './receipt-panel.tsx';
import { useAnnouncements } from './use-announcements.ts';

/** A job that is loaded: its picture on the left, its state on the right. */
export function JobBench({ view, job }: { readonly view: JobView; readonly job: Job }) {
  const { router, toasts } = useApp();
  const words = useWords();
  const format = useFormat();
  const [index, setIndex] = useState(0);
  const [compareWith, setCompareWith] = useState(() => pictureToCompare(job.input.images));
  const [deleting, setDeleting] = useState(false);
  useAnnouncements(view, job);
  const final = isTerminal(job.status);
  const form = formOfJob(job);
  const { prompt, negative_prompt } = form;
  const { stage, step, total } = view.track.value;
  const progress = !final && stage === 'denoise' ? `${format.number(step)}/${format.number(total)} · ` : '';
  useTitle(`${final ? '' : progress === '' ? '… ' : progress}${prompt}`);
  return (
    <div class="workbench">
      <div class="left">
        <JobPicture view={view} job={job} index={index} compareWith={compareWith} />
        <Filmstrip
          job={job}
          index={index}
          compareWith={compareWith}
          onIndex={setIndex}
          onCompareWith={setCompareWith}
        />
      </div>
      <div class="right panel">
        <div class="wish">
          <h1>{prompt}</h1>
          <p class="quiet">
            <SettingsBrief form={job.seed === null ? form : { ...form, seed: job.seed }} />
          </p>
          {negative_prompt !== null && negative_prompt.trim() !== '' && (
            <p class="quiet">
              {words.settings.negative}
              {words.separator}
              {negative_prompt}
            </p>
          )}
        </div>
        {final ? <OutcomeCard job={job} index={index} /> : <ProgressCard view={view} job={job} />}
        {/* Nothing stands below a card that changes its height when the job ends. */}
        {final && <ReceiptPanel job={job} />}
        {final && (
          <button type="button" class="button quiet-button danger" onClick={() => setDeleting(true)}>
            <Icon name="trash" size={18} />
            {words.common.delete}
          </button>
        )}
      </div>
      {deleting && (
        <DeleteDialog
          job={job}
          onClose={() => setDeleting(false)}
          onDeleted={() => {
            toasts.show(words.results.deleted);
            router.go(HISTORY);
          }}
        />
      )}
    </div>
  );
}
