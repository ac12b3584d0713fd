import { computed, type ReadonlySignal } from '@preact/signals';
import { type Client, createClient } from '@qwen-edit/client';
import { type CallService, createCallService } from '../api/call-result.ts';
import { dictionaries } from '../i18n/dictionaries.ts';
import type { Dictionary } from '../i18n/en.ts';
import { createFormat, type Format } from '../lib/format.ts';
import { type Announcer, createAnnouncer } from './announcer.ts';
import { type BrowserSession, createBrowserSession } from './browser-session.ts';
import { type Connection, createConnection } from './connection.ts';
import { createDraft } from './draft.ts';
import { createEditForm, type EditForm } from './edit-form.ts';
import { createEstimator, type ExpectedEdit } from './estimator.ts';
import { createPictureList } from './picture-list.ts';
import { createPreferences, type Preferences } from './preferences.ts';
import { createRouter, type Router } from './router.ts';
import { createServiceInfo, type ServiceInfo } from './service-info.ts';
import { createSubmitter, type Submitter } from './submitter.ts';
import { createToasts, type Toasts } from './toasts.ts';

/** The state of the whole page, which lives longer than one route. */
export interface App {
  /** For addresses; calls go through `callService`. */
  readonly client: Pick<Client, 'pictureUrl' | 'thumbnailUrl' | 'eventsUrl'>;
  readonly callService: CallService;
  /** Where the service is reached, without a slash at the end. */
  readonly baseUrl: string;
  readonly preferences: Preferences;
  readonly words: ReadonlySignal<Dictionary>;
  readonly format: ReadonlySignal<Format>;
  readonly connection: Connection;
  readonly session: BrowserSession;
  readonly service: ServiceInfo;
  readonly router: Router;
  readonly editor: EditForm;
  /** What is expected of the form's edit; undefined while nothing is known of it. */
  readonly expected: ReadonlySignal<ExpectedEdit | undefined>;
  readonly toasts: Toasts;
  readonly announcer: Announcer;
  newSubmitter(): Submitter;
}

export function createApp(window: Window): App {
  const now = (): number => Date.now();
  const preferences = createPreferences(window);
  // The service lies where the page does, also behind a proxy that adds a path.
  const baseUrl = new URL('.', window.document.baseURI).href.replace(/\/$/, '');
  const client = createClient({ baseUrl });
  const connection = createConnection({ probe: () => callService((to) => to.alive()), now });
  const session = createBrowserSession({
    enter: (key) => callService((to) => to.signIn(key)),
    leave: () => callService((to) => to.signOut()),
    signedIn: preferences.signedIn,
  });
  const callService = createCallService(client, (result) => {
    connection.heard(result);
    session.heard(result);
  });
  const service = createServiceInfo({ callService, connection, session, isHidden: () => window.document.hidden });
  const newSubmitter = (): Submitter => createSubmitter({ callService, connection, newKey: newIdempotencyKey, now });
  const editor = createEditForm({
    form: createDraft(window.sessionStorage),
    pictures: createPictureList(service.limits),
    submitter: newSubmitter(),
    limits: service.limits,
    model: service.model,
  });
  const words = computed(() => dictionaries[preferences.language.value]);
  return {
    client,
    callService,
    baseUrl,
    preferences,
    words,
    format: computed(() => createFormat(preferences.language.value)),
    connection,
    session,
    service,
    router: createRouter(window),
    editor,
    expected: createEstimator({
      callService,
      form: editor.inForce,
      pictures: editor.pictures.list,
      model: service.model,
    }),
    toasts: createToasts(),
    announcer: createAnnouncer(now),
    newSubmitter,
  };
}

/** Random. Browsers have `crypto.randomUUID` only on https and on this machine. */
function newIdempotencyKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `page-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
