import { parentPort, workerData } from 'node:worker_threads';
import { scanFile, scanJobSchema } from './scan-file.ts';

/** A thread that scans one file: it posts how many bytes it has read from time to time, and at its end the result. */
const REPORT_BYTES = 32 * 1024 * 1024;

let unsaid = 0;
const result = scanFile(scanJobSchema.parse(workerData), (bytes) => {
  unsaid += bytes;
  if (unsaid < REPORT_BYTES) return;
  parentPort?.postMessage({ bytes: unsaid });
  unsaid = 0;
});
parentPort?.postMessage({ bytes: unsaid, result });
