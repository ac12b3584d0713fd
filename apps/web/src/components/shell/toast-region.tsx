import { useEffect, useRef } from 'preact/hooks';
import { useApp } from '../../state/use-app.tsx';
import { Icon } from '../common/icon.tsx';

/** Shows toasts, and lets screen readers read out what happens. */
export function ToastRegion() {
  const { toasts, announcer } = useApp();
  const toast = toasts.shown.value;
  const place = useRef<HTMLDivElement>(null);
  // Each toast opens the popover again, so that it lies above dialogs that were opened before.
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
