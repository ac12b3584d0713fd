import { render } from 'preact';
import { z } from 'zod';
import { Shell } from './components/shell/shell.tsx';
import { createApp } from './state/app.ts';
import { AppContext } from './state/use-app.tsx';
import './styles/index.css';

// The page's content security policy forbids eval, by which zod would compile schemas.
z.config({ jitless: true });

const root = document.getElementById('app');
if (root !== null) {
  root.replaceChildren();
  render(
    <AppContext.Provider value={createApp(window)}>
      <Shell />
    </AppContext.Provider>,
    root,
  );
}
