import type { Dictionary } from '../../i18n/en.ts';
import type { Format } from '../../lib/format.ts';
import type { Notice } from '../../state/picture-list.ts';
import { useApp, useFormat, useWords } from '../../state/use-app.tsx';
import { Icon } from '../common/icon.tsx';
import { IconButton } from '../common/icon-button.tsx';

/** More lines would push everything else away. */
const MOST_LINES = 4;

/** What became of files that were given and could not be taken as they were. */
export function Notices() {
  const { editor } = useApp();
  const words = useWords();
  const format = useFormat();
  const notices = editor.pictures.notices.value;
  if (notices.length === 0) return <div class="no-notice" role="status" />;
  const lines = notices.map((notice) => lineOf(notice, words, format));
  const hidden = lines.length - MOST_LINES;
  const good = notices.every(({ kind }) => kind === 'converted');
  return (
    <div class={good ? 'notice' : 'notice warn'} role="status">
      <Icon name={good ? 'info' : 'alert'} />
      <ul class="notice-text">
        {lines.slice(0, MOST_LINES).map((line) => (
          <li key={line}>{line}</li>
        ))}
        {hidden > 0 && <li>+{hidden}</li>}
      </ul>
      <IconButton icon="close" size={16} label={words.common.dismiss} onClick={editor.pictures.dismissNotices} />
    </div>
  );
}

function lineOf(notice: Notice, { pictures }: Dictionary, format: Format): string {
  if (notice.kind === 'left_out') return pictures.leftOut(notice.count, notice.images);
  if (notice.kind === 'converted') return pictures.converted(notice.name);
  return pictures.refused[notice.reason](notice.name, format.bytes(notice.largest));
}
