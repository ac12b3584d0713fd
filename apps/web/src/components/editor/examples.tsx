import type { EditKind } from '@qwen-edit/contract';
import { useState } from 'preact/hooks';
import { useApp, useWords } from '../../state/use-app.tsx';

const FIRST_FEW = 8;

/** Prompts that the model understands; a click takes one over. */
export function Examples() {
  const { editor, service, preferences, announcer } = useApp();
  const { prompt: words } = useWords();
  const [all, setAll] = useState(false);
  const language = preferences.language.value;
  const model = service.model.value;
  if (model === undefined) return <div class="chips-place" />;
  const take = (prompt: string, edit?: EditKind): void => {
    editor.takeExample(prompt, edit);
    announcer.say(prompt);
  };
  if (model.edits.length === 0) return <General take={take} />;

  const prompt = editor.form.value.prompt.trim();
  const current = model.edits.find(({ prompts }) => prompts[language].includes(prompt));
  const shown = all ? model.edits : firstFew(model.edits, current);
  return (
    <div class="examples">
      <p class="quiet">{words.examples}</p>
      <ul class="chips">
        {shown.map((edit) => (
          <li key={edit.kind}>
            <button
              type="button"
              class="chip"
              aria-pressed={edit === current}
              title={edit.description?.[language]}
              onClick={() => take(edit.prompts[language][0] ?? '', edit)}
            >
              {edit.title[language]}
              {edit.pictures > 1 && <span class="chip-badge">{words.needs(edit.pictures)}</span>}
            </button>
          </li>
        ))}
        {model.edits.length > FIRST_FEW && (
          <li>
            <button type="button" class="chip chip-more" aria-expanded={all} onClick={() => setAll(!all)}>
              {all ? words.fewerExamples : words.allExamples(model.edits.length)}
            </button>
          </li>
        )}
      </ul>
      {current !== undefined && (
        <p class="variants">
          <span class="quiet">{words.or}</span>
          {current.prompts[language]
            .filter((each) => each !== prompt)
            .map((each) => (
              <button key={each} type="button" class="variant" onClick={() => take(each, current)}>
                {each}
              </button>
            ))}
        </p>
      )}
    </div>
  );
}

/** The first ones; the one of the prompt, and one of several pictures, are among them. */
function firstFew(edits: readonly EditKind[], current: EditKind | undefined): readonly EditKind[] {
  const many = edits.find(({ pictures }) => pictures > 1);
  const wanted = new Set([current, many].filter((edit) => edit !== undefined));
  const rest = edits.filter((edit) => !wanted.has(edit)).slice(0, FIRST_FEW - wanted.size);
  return edits.filter((edit) => wanted.has(edit) || rest.includes(edit));
}

/** For a model that names no edits of its own. */
function General({ take }: { readonly take: (prompt: string) => void }) {
  const { prompt: words } = useWords();
  return (
    <div class="examples">
      <p class="quiet">{words.examplesGeneral}</p>
      <ul class="chips">
        {words.general.map((prompt) => (
          <li key={prompt}>
            <button type="button" class="chip" onClick={() => take(prompt)}>
              {prompt}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
