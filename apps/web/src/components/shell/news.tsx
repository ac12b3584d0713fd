import { useEffect, useRef } from 'preact/hooks';
import { useApp } from '../../state/use-app.tsx';
import { Icon } from '../common/icon.tsx';

/** Short news for the eye, and how things go on for screen readers. */
export function News() {
  const { toasts, announcer } = useApp();
  const toast = toasts.shown.value;
  const place = useRef<HTMLDivElement>(null);
  // Shown anew each time, so that news stand over whatever was opened before.
  useEffect(() => {
    if (toast === undefined) return;
    const element = place.current;
    element?.showPopover();
    return () => element?.hidePopover();
  }, [toast]);
  return (
    <>
      <div ref={place} class="toasts" popover="manual" aria-live="polite">
        {toast !== undefined && (
          <div key={toast.id} class={`toast ${toast.tone}`}>
            <Icon name={toast.tone === 'good' ? 'check' : 'alert'} size={18} />
            {toast.text}
          </div>
        )}
      </div>
      <div class="offscreen" aria-live="polite" aria-atomic="true" data-testid="announcer">
        {announcer.text.value}
      </div>
    </>
  );
}
