import { limitSide } from '@qwen-edit/contract';
import { useEffect, useRef } from 'preact/hooks';
import { sizeText } from '../../lib/size.ts';
import { useApp, useWords } from '../../state/use-app.tsx';
import { FileButton } from './file-button.tsx';
import { PictureTile } from './picture-tile.tsx';

/** The pictures of the edit in order, and a place for one more. */
export function PictureStrip({ maxSide }: { readonly maxSide: number }) {
  const { editor, service } = useApp();
  const { pictures: words, editor: editorWords } = useWords();
  const { pictures } = editor;
  const list = pictures.list.value;
  const chosen = pictures.chosen.value;
  const { images } = service.limits.value;
  const dragged = useRef<number | undefined>(undefined);
  const moved = useRef<number | undefined>(undefined);

  // A moved element loses the focus; whoever moved it by keys goes on with it.
  useEffect(() => {
    if (moved.current === undefined) return;
    const tile = document.querySelector(`[data-tile="${moved.current}"]`);
    if (tile instanceof HTMLElement) tile.focus();
    moved.current = undefined;
  }, [list]);

  return (
    <section class="strip" aria-label={words.label}>
      <ol class="tiles">
        {list.map((picture, index) => (
          <PictureTile
            key={picture.id}
            picture={picture}
            index={index}
            count={list.length}
            chosen={picture === chosen}
            maxSide={maxSide}
            onMove={(to) => {
              moved.current = picture.id;
              pictures.move(picture.id, to);
            }}
            onDragStart={() => {
              dragged.current = picture.id;
            }}
            onDragOver={() => {
              if (dragged.current !== undefined && dragged.current !== picture.id)
                pictures.move(dragged.current, index);
            }}
            onDragEnd={() => {
              dragged.current = undefined;
            }}
          />
        ))}
        {list.length < images && (
          <li class="tile-add">
            <FileButton icon="plus" label={editorWords.addMore} class="add-tile" />
            <FileButton icon="camera" label={editorWords.camera} class="add-tile touch-only" camera />
          </li>
        )}
      </ol>
      <p class="strip-note quiet">{noteOf(list.length, images)}</p>
    </section>
  );

  function noteOf(count: number, most: number): string {
    if (count >= most) return words.full(most);
    if (count > 1) return words.reorderHint;
    if (chosen === undefined || !chosen.measured) return '';
    if (chosen.size === undefined) return words.unknownSize;
    const seen = limitSide(chosen.size, maxSide);
    return seen === chosen.size
      ? words.whole(sizeText(chosen.size))
      : words.seen(sizeText(chosen.size), sizeText(seen));
  }
}
