import type { Job } from '@qwen-edit/contract';
import { useState } from 'preact/hooks';
import type { CallResult, Failure } from '../../api/call-result.ts';
import { formOfJob } from '../../lib/parameters.ts';
import { useApp, useWords } from '../../state/use-app.tsx';
import { Dialog } from '../common/dialog.tsx';
import { ErrorBox } from '../common/error-box.tsx';
import { Icon } from '../common/icon.tsx';

export interface DeleteDialogProps {
  readonly job: Job;
  readonly onClose: () => void;
  readonly onDeleted: () => void;
  /** Deletes the job in place of a plain call, if a list has to learn of it. */
  readonly remove?: (id: string) => Promise<CallResult<void>>;
}

/** Asks before pictures are deleted for good. */
export function DeleteDialog({ job, onClose, onDeleted, remove }: DeleteDialogProps) {
  const { callService } = useApp();
  const { history: words, common } = useWords();
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | undefined>(undefined);

  async function confirm(): Promise<void> {
    setBusy(true);
    const answer = await (remove?.(job.id) ?? callService((client) => client.delete(job.id)));
    setBusy(false);
    // Deleted elsewhere is deleted too.
    if (answer.ok || answer.failure.code === 'not_found') onDeleted();
    else setFailure(answer.failure);
  }

  return (
    <Dialog heading={words.deleteHeading} onClose={onClose}>
      <div class="stack">
        <p class="quoted">{formOfJob(job).prompt}</p>
        <p>{words.deleteText}</p>
        {failure !== undefined && <ErrorBox error={failure} />}
        <div class="dialog-actions">
          <button type="button" class="button" onClick={onClose}>
            {common.cancel}
          </button>
          <button type="button" class="button danger" disabled={busy} onClick={() => void confirm()}>
            <Icon name="trash" size={18} />
            {common.delete}
          </button>
        </div>
      </div>
    </Dialog>
  );
}
