export { runDeadLetters } from './dead-letters.ts';
export { DISPATCHER_DEFAULTS, type DispatcherDeps, type DispatcherOptions } from './deps.ts';
export { runOrphanSweep } from './orphans.ts';
export { runReaper } from './reaper.ts';
export { runRelay } from './relay.ts';
export { runRetention } from './retention.ts';
export { runDispatcher } from './run-dispatcher.ts';
export { checkWebhookSecret } from './webhooks/signature.ts';
export { runWebhooks } from './webhooks/webhooks.ts';
