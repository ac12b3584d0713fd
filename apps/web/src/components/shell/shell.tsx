import { useEffect, useRef } from 'preact/hooks';
import { useApp, useWords } from '../../state/use-app.tsx';
import { EditorPage } from '../editor/editor-page.tsx';
import { HistoryPage } from '../history/history-page.tsx';
import { JobPage } from '../job/job-page.tsx';
import { StatusPage } from '../status/status-page.tsx';
import { Banner } from './banner.tsx';
import { Header } from './header.tsx';
import { KeyDialog } from './key-dialog.tsx';
import { ToastRegion } from './toast-region.tsx';
import { UnknownPage } from './unknown-page.tsx';

/** What is around every page. */
export function Shell() {
  const { router, session } = useApp();
  const words = useWords();
  const main = useRef<HTMLElement>(null);
  const route = router.route.value;
  const place = route.name === 'job' ? `job ${route.id}` : route.name;

  // Who uses a keyboard or a screen reader goes on at the new page's beginning.
  const first = useRef(true);
  useEffect(() => {
    if (!first.current) {
      scrollTo(0, 0);
      main.current?.focus({ preventScroll: true });
    }
    first.current = false;
  }, [place]);

  return (
    <>
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        {words.skip}
      </button>
      <Header />
      <Banner />
      <main id="main" ref={main} tabIndex={-1} class={`page page-${route.name}`}>
        {route.name === 'edit' && <EditorPage />}
        {route.name === 'job' && <JobPage key={route.id} id={route.id} />}
        {route.name === 'history' && <HistoryPage filter={route.filter} query={route.query} />}
        {route.name === 'status' && <StatusPage />}
        {route.name === 'unknown' && <UnknownPage />}
      </main>
      <ToastRegion />
      {session.asking.value && <KeyDialog />}
    </>
  );
}
