import type { Setback } from '../../lib/track.ts';
import { useWords } from '../../state/use-app.tsx';
import { Icon } from '../common/icon.tsx';

/** Why a job that had begun begins again. */
export function SetbackNote({ setback }: { readonly setback: Setback }) {
  const { job } = useWords();
  return (
    <div class="notice warn compact" role="status">
      <Icon name={setback.kind === 'released' ? 'info' : 'redo'} size={18} />
      <div class="notice-text">
        <p>{setback.kind === 'released' ? job.released : job.retrying}</p>
        {setback.kind === 'retrying' && setback.message !== undefined && (
          <p class="notice-detail">{job.retryingWhy(setback.message)}</p>
        )}
      </div>
    </div>
  );
}
