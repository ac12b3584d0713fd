import type { JobStage } from '@qwen-edit/contract';
import { useWords } from '../../state/use-app.tsx';
import { Icon } from '../common/icon.tsx';

const STAGES = ['encode', 'denoise', 'decode'] as const;

/** Where in its work a running edit is. */
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
