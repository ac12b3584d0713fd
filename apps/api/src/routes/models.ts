import {
  AppError,
  DIFFUSERS_AREAS,
  GUIDE_DEFAULTS,
  LIMITS,
  type ModelCapacity,
  type ModelList,
  modelListSchema,
  offeredPresets,
  PARAMETERS,
  type ServedModel,
} from '@qwen-edit/contract';
import { leastOf } from '../estimate/estimate-request.ts';
import { pastEditsOf } from '../estimate/past-edits.ts';
import {
  furthestDownload,
  groupByModel,
  loadsWithFirstJob,
  type ModelGroup,
  toldError,
  troubleOf,
} from '../model-facts.ts';
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
export function modelRoutes({
  limits,
  status,
  planner,
}: Pick<Services, 'limits' | 'status' | 'planner'>): readonly ApiRoute[] {
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
        const [workers, finished = []] = await Promise.all([status.workers(), status.finishedEdits()]);
        if (workers === undefined) throw new AppError('database_unavailable', 'The workers cannot be asked for now.');
        return c.json({
          data: groupByModel(workers).map((group) => {
            const facts = leastOf(group);
            const capacity = planner.capacityOf(facts, pastEditsOf(facts, finished));
            return presentModel(group, capacity, caller.scopes.includes('admin'));
          }),
          defaults: GUIDE_DEFAULTS,
          limits: { ...PARAMETER_LIMITS, image_bytes: limits.imageBytes, body_bytes: limits.bodyBytes },
        } satisfies ModelList);
      },
    }),
  ];
}

/** The models of live workers as the API shows them, each one once, without what has to be estimated. */
export function presentModels(workers: readonly LiveWorker[]): ServedModel[] {
  return groupByModel(workers).map((group) => presentModel(group, NOT_ESTIMATED, false));
}

const NOT_ESTIMATED: ModelCapacity = { largest_output_area: null, usual_seconds: null };

function presentModel(
  { facts, card, workers, precisions }: ModelGroup,
  { largest_output_area, usual_seconds }: ModelCapacity,
  tellsWhy: boolean,
): ServedModel {
  return {
    id: facts.name,
    object: 'model',
    digest: facts.digest ?? null,
    demo: facts.demo ?? false,
    summary: card?.summary ?? null,
    licence: card?.licence ?? null,
    full_model: card?.full_model ?? null,
    edits: card?.edits ?? [],
    presets: [...offeredPresets(facts.presets)],
    loras: [...(facts.loras ?? [])],
    ready: workers.some(({ ready }) => ready),
    last_error: toldError(troubleOf(workers), tellsWhy),
    loads_with_first_job: loadsWithFirstJob(workers),
    download: furthestDownload(workers),
    workers: workers.length,
    devices: [...new Set(workers.map(({ device }) => device))],
    precisions: [...precisions],
    ...(facts.kernels === undefined ? {} : { kernels: facts.kernels }),
    defaults: {
      ...GUIDE_DEFAULTS,
      num_inference_steps: facts.num_inference_steps ?? GUIDE_DEFAULTS.num_inference_steps,
      true_cfg_scale: facts.true_cfg_scale ?? GUIDE_DEFAULTS.true_cfg_scale,
      output_area: facts.output_image_size ?? DIFFUSERS_AREAS.vae_image_size,
    },
    limits: {
      min_inference_steps: facts.min_inference_steps ?? 1,
      max_images: facts.max_images ?? LIMITS.images,
      size_multiple: facts.size_multiple ?? null,
      max_side: LIMITS.side,
      largest_output_area,
    },
    usual_seconds,
    output_image_size: facts.output_image_size ?? null,
    vae_image_size: facts.vae_image_size ?? null,
    reference_size: facts.reference_size ?? null,
  };
}
