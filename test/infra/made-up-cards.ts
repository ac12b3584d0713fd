const GIB = 1024 ** 3;
const CARDS = [
  { worker: 'worker_0000000000000000000000000000000a', device: 'cuda:0', gpu: '0', used: 61 },
  { worker: 'worker_0000000000000000000000000000000b', device: 'cuda:1', gpu: '1', used: 43 },
];
const TOTAL = 80;

/**
 * What only a worker with cards measures, at these Unix seconds, in the text format of OpenMetrics. None of it was measured: two cards of 80 GiB,
 * the second of which is not ready for the first half of the time.
 */
export function madeUpCards(times: readonly number[]): string {
  const of = 'job="qwen-edit-api",instance="10.0.0.11:7860"';
  const at = 'job="qwen-edit-worker",instance="10.0.0.41:9464"';
  const ready = CARDS.flatMap(({ worker, device, gpu }, card) =>
    times.map((time, n) => {
      const value = card === 0 || n > times.length / 2 ? 1 : 0;
      return `qwen_edit_worker_ready{worker="${worker}",device="${device}",gpu_id="${gpu}",${of}} ${value} ${time}`;
    }),
  );
  const memory = CARDS.flatMap(({ device, gpu, used }) =>
    ['free', 'total'].flatMap((state) =>
      times.map((time, n) => {
        const bytes = (state === 'total' ? TOTAL : TOTAL - used - 4 * Math.sin(n / 3)) * GIB;
        return `qwen_edit_gpu_memory_bytes{device="${device}",gpu_id="${gpu}",state="${state}",${at}} ${Math.round(bytes)} ${time}`;
      }),
    ),
  );
  return [
    '# HELP qwen_edit_worker_ready Made up, not measured',
    '# TYPE qwen_edit_worker_ready gauge',
    ...ready,
    '# HELP qwen_edit_gpu_memory_bytes Made up, not measured',
    '# TYPE qwen_edit_gpu_memory_bytes gauge',
    ...memory,
    '# EOF',
    '',
  ].join('\n');
}
