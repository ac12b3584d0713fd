import { passedWith, type SmokeCheck, smokeFault } from '../check.ts';

/** Either the metrics of the service, or a closed door; never a page or a broken answer. */
export const checkMetrics: SmokeCheck = {
  name: 'metrics',
  needs: ['reachable'],
  async run({ stranger }) {
    const { status, text } = await stranger.answer('metrics');
    if (status === 200 && /^qwen_edit_/m.test(text)) return passedWith('/metrics answers');
    if ([401, 403, 404].includes(status)) return passedWith(`/metrics is closed to callers (${status})`);
    throw smokeFault(
      `/metrics is answered with ${status}, and not with metrics.`,
      'Let it through, or close it with 403 or 404; Prometheus can ask each process itself.',
    );
  },
};
