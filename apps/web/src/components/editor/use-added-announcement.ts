import { useEffect, useRef } from 'preact/hooks';
import { useApp } from '../../state/use-app.tsx';

/** Reads out how many pictures came in, from wherever. */
export function useAddedAnnouncement(): void {
  const { editor, announcer, words } = useApp();
  const count = editor.pictures.list.value.length;
  const before = useRef(count);
  useEffect(() => {
    if (count > before.current) announcer.say(words.value.pictures.added(count - before.current));
    before.current = count;
  }, [count]);
}
