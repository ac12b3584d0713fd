import { computed, type ReadonlySignal } from '@preact/signals';
import { type Api, createApi } from '../api/api.ts';
import { createRequester } from '../api/request.ts';
import { dictionaries } from '../i18n/dictionaries.ts';
import type { Dictionary } from '../i18n/en.ts';
import { createFormat, type Format } from '../lib/format.ts';
import { type Announcer, createAnnouncer } from './announcer.ts';
import { type Connection, createConnection } from './connection.ts';
import { createDraft } from './draft.ts';
import { createEditor, type Editor } from './editor.ts';
import { createPictures } from './pictures.ts';
import { createPreferences, type Preferences } from './preferences.ts';
import { createRouter, type Router } from './router.ts';
import { createService, type Service } from './service.ts';
import { createSession, type Session } from './session.ts';
import { createSubmitter, type Submitter } from './submitter.ts';
import { createToasts, type Toasts } from './toasts.ts';

/** All that outlives a route. */
export interface App {
  readonly api: Api;
  readonly preferences: Preferences;
  readonly words: ReadonlySignal<Dictionary>;
  readonly format: ReadonlySignal<Format>;
  readonly connection: Connection;
  readonly session: Session;
  readonly service: Service;
  readonly router: Router;
  readonly editor: Editor;
  readonly toasts: Toasts;
  readonly announcer: Announcer;
  newSubmitter(): Submitter;
}

export function createApp(window: Window): App {
  const now = (): number => Date.now();
  const preferences = createPreferences(window);
  const connection = createConnection({ probe: () => api.alive(), now });
  const session = createSession({
    enter: (key) => api.signIn(key),
    leave: () => api.signOut(),
    signedIn: preferences.signedIn,
  });
  const api = createApi(
    createRequester({
      pageUrl: window.document.baseURI,
      fetch: (...call) => fetch(...call),
      onAnswer(answer) {
        connection.heard(answer);
        session.heard(answer);
      },
    }),
  );
  const service = createService({ api, connection, session, isHidden: () => window.document.hidden });
  const newSubmitter = (): Submitter => createSubmitter({ api, connection, newKey: newIdempotencyKey, now });
  const editor = createEditor({
    form: createDraft(window.sessionStorage),
    pictures: createPictures(service.limits),
    submitter: newSubmitter(),
    limits: service.limits,
    model: service.model,
  });
  const words = computed(() => dictionaries[preferences.language.value]);
  return {
    api,
    preferences,
    words,
    format: computed(() => createFormat(preferences.language.value)),
    connection,
    session,
    service,
    router: createRouter(window),
    editor,
    toasts: createToasts(),
    announcer: createAnnouncer(now),
    newSubmitter,
  };
}

/** Random; `crypto.randomUUID` is not there on pages of plain http beyond this machine. */
function newIdempotencyKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `page-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
