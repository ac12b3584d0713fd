import type { ServedModel } from '@qwen-edit/contract';
import { loraTitle } from '../../i18n/offer-words.ts';
import { useApp, useWords } from '../../state/use-app.tsx';
import { Dialog } from '../common/dialog.tsx';

/** What the model's card says, and each edit with the prompts that it understands. */
export function ModelDialog({ model, onClose }: { readonly model: ServedModel; readonly onClose: () => void }) {
  const { preferences } = useApp();
  const { demo } = useWords();
  const language = preferences.language.value;
  const { summary, full_model, licence, edits } = model;
  return (
    <Dialog heading={demo.heading} onClose={onClose} wide>
      <div class="stack">
        {summary !== null && <p>{summary[language]}</p>}
        {full_model !== null && (
          <>
            <h3>{demo.real}</h3>
            <p>{full_model[language]}</p>
          </>
        )}
        {edits.length > 0 && (
          <>
            <h3>{demo.knows(edits.length)}</h3>
            <dl class="edit-list">
              {edits.map(({ kind, title, prompts, pictures, description, lora }) => (
                <div key={kind}>
                  <dt>
                    {title[language]}
                    {pictures > 1 && <span class="chip-badge">{demo.pictures(pictures)}</span>}
                    {lora !== undefined && (
                      <span class="chip-badge">LoRA {loraTitle({ name: lora }, model, language)}</span>
                    )}
                  </dt>
                  <dd>
                    {description !== undefined && <p>{description[language]}</p>}
                    <p class="quiet">{prompts[language].join(' · ')}</p>
                  </dd>
                </div>
              ))}
            </dl>
          </>
        )}
        {licence !== null && <p class="quiet">{demo.licence(licence)}</p>}
      </div>
    </Dialog>
  );
}
