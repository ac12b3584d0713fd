import { useState } from 'preact/hooks';
import { choiceOf, requestParameters } from '../../lib/parameters.ts';
import type { SubmitPhase } from '../../state/submitter.ts';
import { useApp, useFormat, useNow, useWords } from '../../state/use-app.tsx';
import { ErrorBox } from '../common/error-box.tsx';
import { Icon } from '../common/icon.tsx';
import { ProgressMeter } from '../common/progress-meter.tsx';
import { Spinner } from '../common/spinner.tsx';
import { CodeDialog } from '../job/code-dialog.tsx';
import { EstimateLine } from './estimate-line.tsx';
import { LaterNote } from './later-note.tsx';

/** Sends the form, or says in words why it cannot. */
export function SubmitBar({ onSubmit }: { readonly onSubmit: () => void }) {
  const { editor, preferences, baseUrl } = useApp();
  const { submit: words, results } = useWords();
  const [code, setCode] = useState(false);
  const { submitter } = editor;
  const phase = submitter.phase.value;
  const now = useNow(500, phase.name === 'later');
  const obstacle = editor.obstacle.value;
  const waiting = phase.name === 'later' && now < phase.until;
  const disabled = (obstacle !== undefined && obstacle !== 'later') || waiting;
  const reason = obstacle === undefined || obstacle === 'sending' || obstacle === 'later' ? '' : words[obstacle];
  const form = editor.inForce.value;
  return (
    <div class={obstacle === 'no_picture' ? 'submit early' : 'submit'}>
      {phase.name === 'refused' && <ErrorBox error={phase.failure} />}
      {phase.name === 'later' && <LaterNote failure={phase.failure} until={phase.until} now={now} />}
      {phase.name === 'sending' || phase.name === 'reconnecting' ? (
        <Sending phase={phase} onStop={submitter.cancel} />
      ) : (
        <div class="submit-row">
          <button
            type="button"
            class="button primary large"
            aria-disabled={disabled}
            aria-describedby="submit-reason"
            aria-keyshortcuts="Control+Enter"
            onClick={() => {
              if (!disabled) onSubmit();
            }}
          >
            <Icon name="wand" />
            {phase.name === 'later' && !waiting ? words.again : words.button}
            <kbd>{words.shortcut}</kbd>
          </button>
          <button
            type="button"
            class="button large icon-only"
            title={results.code}
            aria-label={results.code}
            onClick={() => setCode(true)}
          >
            <Icon name="code" />
          </button>
        </div>
      )}
      <p id="submit-reason" class="submit-reason" role="status">
        {reason}
      </p>
      <EstimateLine />
      {code && (
        <CodeDialog
          request={{
            baseUrl,
            parameters: requestParameters(form),
            pictures: names(editor.pictures.list.value.map(({ name }) => name)),
            jobId: undefined,
            results: form.numbers.num_images_per_prompt ?? 1,
            format: choiceOf(form, 'output_format'),
            withKey: preferences.signedIn.value,
          }}
          onClose={() => setCode(false)}
        />
      )}
    </div>
  );
}

/** The code shows at least one picture, even before one is chosen. */
const names = (chosen: readonly string[]): readonly string[] => (chosen.length === 0 ? ['photo.jpg'] : chosen);

interface SendingProps {
  readonly phase: SubmitPhase & { name: 'sending' | 'reconnecting' };
  readonly onStop: () => void;
}

function Sending({ phase, onStop }: SendingProps) {
  const { submit: words } = useWords();
  const format = useFormat();
  const fraction = phase.name === 'sending' ? phase.sent / phase.total : undefined;
  const known = fraction === undefined || fraction >= 1 ? undefined : fraction;
  return (
    <div class="sending">
      <div class="sending-row">
        <Spinner />
        <span>
          {phase.name === 'reconnecting'
            ? words.reconnecting
            : known === undefined
              ? words.checking
              : words.uploading(`${format.number(known * 100)}%`)}
        </span>
        <button type="button" class="button small" onClick={onStop}>
          {words.stop}
        </button>
      </div>
      <ProgressMeter fraction={known} label={words.uploading('')} />
    </div>
  );
}
