import { useEffect, useState } from 'preact/hooks';
import { useApp } from '../../state/use-app.tsx';

/** Takes files that are dropped or pasted anywhere on the page. True while some hover over it. */
export function useIntake(): boolean {
  const { editor } = useApp();
  const [hovering, setHovering] = useState(false);

  useEffect(() => {
    const listening = new AbortController();
    const { signal } = listening;
    // Elements under the pointer change all the time; only leaving the last one is leaving.
    let depth = 0;
    const hasFiles = ({ dataTransfer }: DragEvent): boolean => dataTransfer?.types.includes('Files') ?? false;
    const take = (files: FileList | undefined): void => void editor.pictures.add([...(files ?? [])]);

    addEventListener(
      'dragenter',
      (event) => {
        if (!hasFiles(event)) return;
        depth++;
        setHovering(true);
      },
      { signal },
    );
    addEventListener(
      'dragleave',
      (event) => {
        if (!hasFiles(event)) return;
        depth = Math.max(0, depth - 1);
        if (depth === 0) setHovering(false);
      },
      { signal },
    );
    addEventListener(
      'dragover',
      (event) => {
        if (hasFiles(event)) event.preventDefault();
      },
      { signal },
    );
    addEventListener(
      'drop',
      (event) => {
        depth = 0;
        setHovering(false);
        if (!hasFiles(event)) return;
        event.preventDefault();
        take(event.dataTransfer?.files);
      },
      { signal },
    );
    addEventListener(
      'paste',
      ({ clipboardData }) => {
        if ((clipboardData?.files.length ?? 0) > 0) take(clipboardData?.files);
      },
      { signal },
    );
    return () => listening.abort();
  }, [editor]);
  return hovering;
}
