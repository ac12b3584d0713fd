import { JOB_STAGES, type JobStage } from '@qwen-edit/contract';
import { useWords } from '../../state/use-app.tsx';
import { Icon } from '../common/icon.tsx';

/** A model is loaded once, not for each edit. */
const STAGES = JOB_STAGES.filter((stage) => stage !== 'load');

/** The stages of an edit, with the present one marked. */
export function StageSteps({ stage }: { readonly stage: JobStage | undefined }) {
  const { job } = useWords();
  const at = stage === undefined || stage === 'load' ? -1 : STAGES.indexOf(stage);
  return (
    <ol class="stages">
      {STAGES.map((each, i) => (
        <li key={each} class={i < at ? 'done' : i === at ? 'now' : ''} aria-current={i === at ? 'step' : undefined}>
          <span class="stages-dot">{i < at && <Icon name="check" size={12} />}</span>
          {job[each]}
        </li>
      ))}
    </ol>
  );
}
