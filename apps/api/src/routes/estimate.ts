import { editParametersSchema, estimateSchema, LIMITS, parameterFacts } from '@qwen-edit/contract';
import { z } from 'zod';
import { withoutAliases } from '../body/form-values.ts';
import { jsonBody } from '../body/request-body.ts';
import { type EstimateDeps, estimateRequest } from '../estimate/estimate-request.ts';
import { ANY_QUERY, type ApiRoute, defineRoute, jsonAnswer, NO_PARAMS } from '../routing/route.ts';
import type { Services } from '../services.ts';

/** Longer than any picture that is taken. */
const MAX_PICTURE_SIDE = 100_000;
const side = z
  .int('must be a whole number')
  .min(1, 'must be at least 1')
  .max(MAX_PICTURE_SIDE, `must be at most ${MAX_PICTURE_SIDE}`);

/** The parameters of an edit as they are for a job, and the sizes of its pictures in place of these. */
const estimateFields = z.strictObject({
  ...editParametersSchema.partial().shape,
  steps: editParametersSchema.shape.num_inference_steps,
  images: z
    .array(z.strictObject({ width: side, height: side }))
    .min(1, 'must have at least 1 picture')
    .max(LIMITS.images, `must have at most ${LIMITS.images} pictures`)
    .optional(),
});

/** Two texts of the longest kind, as JSON writes them at most. */
const MAX_BYTES = 2 * 6 * (parameterFacts('prompt').maxLength ?? 0) + 10_000;
const estimateBody = jsonBody(estimateFields, { required: false, maxBytes: MAX_BYTES });

/** The picture of a request that names none. */
const USUAL_PICTURE = { width: 1024, height: 1024 };

type EstimateRouteDeps = EstimateDeps & Pick<Services, 'limits'>;

/** Tells beforehand what an edit needs and takes. It makes nothing. */
export function estimateRoutes(deps: EstimateRouteDeps): readonly ApiRoute[] {
  return [
    defineRoute({
      method: 'POST',
      path: '/v1/estimate',
      scope: 'submit',
      summary: 'Estimates what an edit needs and how long it takes, without making it',
      params: NO_PARAMS,
      query: ANY_QUERY,
      body: estimateBody,
      answers: { 200: jsonAnswer(estimateSchema, 'What is expected of it, with each model of live workers') },
      async handler({ c }) {
        const { images = [USUAL_PICTURE], ...fields } = await estimateBody.read(c, deps.limits);
        const parameters = editParametersSchema
          .partial()
          .parse(Object.fromEntries(withoutAliases(new Map(Object.entries(fields)))));
        return c.json(await estimateRequest(deps, images, parameters));
      },
    }),
  ];
}
