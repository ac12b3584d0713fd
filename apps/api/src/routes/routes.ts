import type { ApiRoute } from '../routing/route.ts';
import type { Services } from '../services.ts';
import { editRoutes } from './edit.ts';
import { estimateRoutes } from './estimate.ts';
import { jobEventRoutes } from './job-events.ts';
import { jobRoutes } from './jobs.ts';
import { modelRoutes } from './models.ts';
import { operationRoutes } from './operations.ts';
import { pageRoutes } from './page.ts';
import { pictureRoutes } from './pictures.ts';
import { sessionRoutes } from './session.ts';
import { signedObjectRoutes } from './signed-objects.ts';
import { uploadRoutes } from './uploads.ts';
import { webhookRoutes } from './webhooks.ts';

/**
 * Every route of the API. A route that is added here is admitted by its scope, measured, described and tested by its
 * definition.
 */
export function createRoutes(services: Services): readonly ApiRoute[] {
  return [
    ...pageRoutes(services),
    ...operationRoutes(services),
    ...sessionRoutes(services),
    ...jobRoutes(services),
    ...jobEventRoutes(services),
    ...pictureRoutes(services),
    ...uploadRoutes(services),
    ...signedObjectRoutes(services),
    ...modelRoutes(services),
    ...estimateRoutes(services),
    ...webhookRoutes(services),
    ...editRoutes(services),
  ];
}
