import { limitSide } from '@qwen-edit/contract';
import type { TargetedKeyboardEvent } from 'preact';
import { sizeText } from '../../lib/size.ts';
import type { EditorPicture } from '../../state/picture-list.ts';
import { useApp, useWords } from '../../state/use-app.tsx';
import { Icon } from '../common/icon.tsx';
import { IconButton } from '../common/icon-button.tsx';

export interface PictureTileProps {
  readonly picture: EditorPicture;
  readonly index: number;
  readonly count: number;
  readonly chosen: boolean;
  readonly maxSide: number;
  readonly onMove: (to: number) => void;
  readonly onDragStart: () => void;
  readonly onDragOver: () => void;
  readonly onDragEnd: () => void;
}

/** A picture in its order: shown, moved and removed by pointer or by keys. */
export function PictureTile(props: PictureTileProps) {
  const { picture, index, count, chosen, maxSide, onMove, onDragStart, onDragOver, onDragEnd } = props;
  const { editor, announcer } = useApp();
  const { pictures: words, common } = useWords();
  const n = index + 1;

  function move(to: number): void {
    if (to < 0 || to >= count) return;
    onMove(to);
    announcer.say(words.moved(to + 1, count));
  }

  function onKeyDown(event: TargetedKeyboardEvent<HTMLButtonElement>): void {
    if (event.altKey && event.key === 'ArrowLeft') move(index - 1);
    else if (event.altKey && event.key === 'ArrowRight') move(index + 1);
    else if (event.key === 'Delete') remove();
    else return;
    event.preventDefault();
  }

  function remove(): void {
    editor.pictures.remove(picture.id);
    announcer.say(words.removed(n));
  }

  return (
    <li
      class={chosen ? 'tile chosen' : 'tile'}
      draggable={count > 1}
      onDragStart={(event) => {
        event.dataTransfer?.setData('text/plain', picture.name);
        onDragStart();
      }}
      onDragEnter={onDragOver}
      onDragOver={(event) => event.preventDefault()}
      onDragEnd={onDragEnd}
      onDrop={(event) => {
        if (!event.dataTransfer?.types.includes('Files')) event.preventDefault();
      }}
    >
      <button
        type="button"
        class="tile-picture"
        data-tile={picture.id}
        aria-pressed={chosen}
        aria-keyshortcuts="Alt+ArrowLeft Alt+ArrowRight Delete"
        aria-label={words.show(n, picture.name)}
        onClick={() => editor.pictures.choose(picture.id)}
        onKeyDown={onKeyDown}
      >
        {picture.thumbnail === undefined ? (
          <span class={picture.measured ? 'tile-blank' : 'tile-blank skeleton'}>
            {picture.measured && <Icon name="picture" size={24} />}
          </span>
        ) : (
          <img src={picture.thumbnail} alt="" draggable={false} />
        )}
      </button>
      <div class="tile-foot">
        <span class="tile-name">{common.picture(n)}</span>
        <span class="tile-size">{sizeNote(picture, maxSide)}</span>
      </div>
      <div class="tile-tools">
        {count > 1 && (
          <>
            <IconButton
              icon="back"
              size={16}
              label={words.earlier(n)}
              disabled={index === 0}
              onClick={() => move(index - 1)}
            />
            <IconButton
              icon="forward"
              size={16}
              label={words.later(n)}
              disabled={n === count}
              onClick={() => move(index + 1)}
            />
          </>
        )}
        <IconButton icon="close" size={16} label={words.remove(n)} onClick={remove} />
      </div>
    </li>
  );
}

/** `4032×3024 → 768×576`. */
function sizeNote({ size, kind }: EditorPicture, maxSide: number): string {
  if (size === undefined) return kind?.toUpperCase() ?? '';
  const seen = limitSide(size, maxSide);
  return seen === size ? sizeText(size) : `${sizeText(size)} → ${sizeText(seen)}`;
}
