import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { useWords } from '../../state/use-app.tsx';
import { IconButton } from './icon-button.tsx';

export interface DialogProps {
  readonly heading: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
  readonly wide?: boolean;
}

/** A window over the page. The browser keeps the focus inside and returns it at the end. Escape and a click outside close it. */
export function Dialog({ heading, onClose, children, wide = false }: DialogProps) {
  const { common } = useWords();
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = ref.current;
    if (dialog === null) return;
    dialog.showModal();
    const closeBeside = (event: MouseEvent): void => {
      if (event.target === dialog) onClose();
    };
    dialog.addEventListener('click', closeBeside);
    return () => {
      dialog.removeEventListener('click', closeBeside);
      dialog.close();
    };
  }, []);
  return (
    <dialog ref={ref} class={wide ? 'dialog wide' : 'dialog'} aria-labelledby={id} onClose={onClose}>
      <div class="dialog-body">
        <header class="dialog-head">
          <h2 id={id}>{heading}</h2>
          <IconButton icon="close" label={common.close} onClick={onClose} />
        </header>
        {children}
      </div>
    </dialog>
  );
}
