import {
  AppError,
  DIFFUSERS_AREAS,
  GUIDE_DEFAULTS,
  LIMITS,
  type ModelCard,
  type ModelList,
  modelListSchema,
  PARAMETERS,
  type ServedModel,
} from '@qwen-edit/contract';
import { cardOf, furthestDownload, modelOf, type ReportedFacts, toldError, troubleOf } from '../model-facts.ts';
import { ANY_QUERY, type ApiRoute, defineRoute, jsonAnswer, NO_PARAMS } from '../routing/route.ts';
import type { LiveWorker } from '../service-status.ts';
import type { Services } from '../services.ts';

/** Bounds of what a request may ask for. */
const PARAMETER_LIMITS = {
  prompt_characters: LIMITS.promptCharacters,
  images: LIMITS.images,
  num_inference_steps: PARAMETERS.num_inference_steps.max,
  true_cfg_scale: PARAMETERS.true_cfg_scale.max,
  num_images_per_prompt: PARAMETERS.num_images_per_prompt.max,
  side: PARAMETERS.width.max,
  max_side: PARAMETERS.max_side.max,
  min_output_area: PARAMETERS.output_area.min,
  output_area: PARAMETERS.output_area.max,
  pixels_together: LIMITS.pixelsTogether,
} as const;

/** The models of live workers, with the values that are used if a request does not name them. */
export function modelRoutes({ limits, status }: Pick<Services, 'limits' | 'status'>): readonly ApiRoute[] {
  return [
    defineRoute({
      method: 'GET',
      path: '/v1/models',
      scope: 'read',
      summary: 'Lists the models, the edits that they know, defaults and limits',
      params: NO_PARAMS,
      query: ANY_QUERY,
      answers: { 200: jsonAnswer(modelListSchema, 'The models') },
      async handler({ c, caller }) {
        const workers = await status.workers();
        if (workers === undefined) throw new AppError('database_unavailable', 'The workers cannot be asked for now.');
        return c.json({
          data: presentModels(workers, caller.scopes.includes('admin')),
          defaults: GUIDE_DEFAULTS,
          limits: { ...PARAMETER_LIMITS, image_bytes: limits.imageBytes, body_bytes: limits.bodyBytes },
        } satisfies ModelList);
      },
    }),
  ];
}

/** The models of live workers as the API shows them, each one once. */
export function presentModels(workers: readonly LiveWorker[], tellsWhy = false): ServedModel[] {
  return groupByModel(workers).map((group) => presentModel(group, tellsWhy));
}

interface Group {
  readonly facts: ReportedFacts;
  readonly card: ModelCard | undefined;
  readonly workers: readonly LiveWorker[];
}

/** Groups by digest: two folders with the same digest make the same pictures. */
function groupByModel(workers: readonly LiveWorker[]): readonly Group[] {
  const groups = new Map<string, Group>();
  for (const worker of workers) {
    const facts = modelOf(worker);
    if (facts === undefined) continue;
    const key = facts.digest ?? facts.name;
    const { workers: others = [], card = cardOf(worker) } = groups.get(key) ?? {};
    groups.set(key, { facts, card, workers: [...others, worker] });
  }
  return [...groups.values()];
}

function presentModel({ facts, card, workers }: Group, tellsWhy: boolean): ServedModel {
  return {
    id: facts.name,
    object: 'model',
    digest: facts.digest ?? null,
    demo: facts.demo ?? false,
    summary: card?.summary ?? null,
    licence: card?.licence ?? null,
    full_model: card?.full_model ?? null,
    edits: card?.edits ?? [],
    ready: workers.some(({ ready }) => ready),
    last_error: toldError(troubleOf(workers), tellsWhy),
    download: furthestDownload(workers),
    workers: workers.length,
    devices: [...new Set(workers.map(({ device }) => device))],
    defaults: {
      ...GUIDE_DEFAULTS,
      num_inference_steps: facts.num_inference_steps ?? GUIDE_DEFAULTS.num_inference_steps,
      true_cfg_scale: facts.true_cfg_scale ?? GUIDE_DEFAULTS.true_cfg_scale,
      output_area: facts.output_image_size ?? DIFFUSERS_AREAS.vae_image_size,
    },
    limits: { min_inference_steps: facts.min_inference_steps ?? 1, size_multiple: facts.size_multiple ?? null },
    output_image_size: facts.output_image_size ?? null,
    vae_image_size: facts.vae_image_size ?? null,
    reference_size: facts.reference_size ?? null,
  };
}
