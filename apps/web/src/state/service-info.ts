import { computed, effect, type ReadonlySignal, signal } from '@preact/signals';
import type { ModelList, ServedModel, SizeFacts } from '@qwen-edit/contract';
import type { CallService, Failure } from '../api/call-result.ts';
import { limitsOf, type ServiceLimits } from '../lib/service-limits.ts';
import type { BrowserSession } from './browser-session.ts';
import type { Connection } from './connection.ts';

/** The model that live workers have, and what the service allows. */
export interface ServiceInfo {
  readonly models: ReadonlySignal<ModelList | undefined>;
  /** undefined before the first answer, and while no worker runs. */
  readonly model: ReadonlySignal<ServedModel | undefined>;
  /** By the model that was last seen. */
  readonly modelSizes: ReadonlySignal<SizeFacts>;
  readonly limits: ReadonlySignal<ServiceLimits>;
  readonly failure: ReadonlySignal<Failure | undefined>;
  refresh(): Promise<void>;
}

export interface ServiceInfoDeps {
  readonly callService: CallService;
  readonly connection: Pick<Connection, 'returns'>;
  readonly session: Pick<BrowserSession, 'entries'>;
  readonly isHidden: () => boolean;
}

/** How often the page asks again while no model is ready. */
const RETRY_MS = 4000;

export function createServiceInfo({ callService, connection, session, isHidden }: ServiceInfoDeps): ServiceInfo {
  const models = signal<ModelList | undefined>(undefined);
  const failure = signal<Failure | undefined>(undefined);
  const model = computed(() => models.value?.data[0]);
  const modelSizes = signal<SizeFacts>({});
  let asking = false;

  async function refresh(): Promise<void> {
    if (asking) return;
    asking = true;
    const answer = await callService((client) => client.models());
    asking = false;
    if (answer.ok) {
      models.value = answer.value;
      const seen = answer.value.data[0];
      if (seen !== undefined)
        modelSizes.value = {
          output_image_size: seen.output_image_size ?? modelSizes.value.output_image_size,
          vae_image_size: seen.vae_image_size ?? modelSizes.value.vae_image_size,
          reference_size: seen.reference_size ?? modelSizes.value.reference_size,
          size_multiple: seen.limits.size_multiple ?? modelSizes.value.size_multiple,
          presets: seen.presets,
        };
    }
    failure.value = answer.ok ? undefined : answer.failure;
  }

  effect(() => {
    connection.returns.value;
    session.entries.value;
    void refresh();
  });
  setInterval(() => {
    if (!isHidden() && model.value?.ready !== true && failure.value === undefined) void refresh();
  }, RETRY_MS);

  return { models, model, modelSizes, failure, limits: computed(() => limitsOf(models.value)), refresh };
}
