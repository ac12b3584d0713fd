import { useState } from 'preact/hooks';
import { SNIPPET_LANGUAGES, type SnippetLanguage, type SnippetRequest, snippetOf } from '../../lib/snippets.ts';
import { useWords } from '../../state/use-app.tsx';
import { Dialog } from '../common/dialog.tsx';
import { Icon } from '../common/icon.tsx';
import { useCopy } from '../common/use-copy.ts';

/** The edit as code to copy. */
export function CodeDialog({ request, onClose }: { readonly request: SnippetRequest; readonly onClose: () => void }) {
  const { code: words, common } = useWords();
  const copy = useCopy();
  const [language, setLanguage] = useState<SnippetLanguage>('curl');
  const code = snippetOf(language, request);
  return (
    <Dialog heading={words.heading} onClose={onClose} wide>
      <div class="stack">
        <fieldset class="plain">
          <legend class="offscreen">{words.language}</legend>
          <div class="segments">
            {SNIPPET_LANGUAGES.map((each) => (
              <label key={each} class="segment">
                <input
                  type="radio"
                  name="snippet-language"
                  checked={each === language}
                  onChange={() => setLanguage(each)}
                />
                <span>{words.names[each]}</span>
              </label>
            ))}
          </div>
        </fieldset>
        <p class="quiet">
          {words.intro} {request.withKey && words.key}
        </p>
        <textarea
          class="code"
          aria-label={words.names[language]}
          readOnly
          wrap="off"
          spellcheck={false}
          rows={code.split('\n').length}
          value={code}
        />
        <div class="dialog-actions">
          <button type="button" class="button primary" onClick={() => void copy(code, words.copied)}>
            <Icon name="copy" size={18} />
            {common.copy}
          </button>
        </div>
      </div>
    </Dialog>
  );
}
