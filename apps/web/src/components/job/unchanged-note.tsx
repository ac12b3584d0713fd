import type { EditKind, Job } from '@qwen-edit/contract';
import { useState } from 'preact/hooks';
import { useApp, useFormat, useWords } from '../../state/use-app.tsx';
import { Icon } from '../common/icon.tsx';
import { ModelDialog } from '../editor/model-dialog.tsx';

const FIRST_FEW = 4;

export interface UnchangedNoteProps {
  readonly job: Job;
  /** The result that is shown. */
  readonly index: number;
  /** Takes a prompt over into the form, with what its kind of edit needs and the pictures of the job. */
  readonly onTry: (prompt: string, edit: EditKind) => void;
}

/** That the shown result is nearly the picture itself, and what the model would understand. */
export function UnchangedNote({ job, index, onTry }: UnchangedNoteProps) {
  const { service, preferences } = useApp();
  const words = useWords();
  const format = useFormat();
  const [open, setOpen] = useState(false);
  const found = job.unchanged.find(({ output }) => output === index);
  if (found === undefined) return null;
  const language = preferences.language.value;
  const model = service.model.value;
  const edits = model?.edits ?? [];
  return (
    <div class="notice warn" role="status">
      <Icon name="alert" />
      <div class="notice-text">
        <strong>{words.job.unchanged}</strong>
        <p>
          {words.job.unchangedText(format.number(found.picture + 1), format.number(Math.round(found.min_block_psnr)))}
        </p>
        {model !== undefined && edits.length > 0 && (
          <>
            <p>{words.job.unchangedTry}</p>
            <ul class="chips">
              {edits
                .filter(({ pictures }) => pictures <= job.input.images.length)
                .slice(0, FIRST_FEW)
                .map((edit) => (
                  <li key={edit.kind}>
                    <button type="button" class="chip" onClick={() => onTry(edit.prompts[language][0] ?? '', edit)}>
                      {edit.prompts[language][0]}
                    </button>
                  </li>
                ))}
            </ul>
            <button type="button" class="link-button" onClick={() => setOpen(true)}>
              {words.demo.knows(edits.length)}
            </button>
            {open && <ModelDialog model={model} onClose={() => setOpen(false)} />}
          </>
        )}
      </div>
    </div>
  );
}
