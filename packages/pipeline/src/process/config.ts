/**
 * The environment of an engine's process: this one's, with the cards of CUDA in the order in which nvidia-smi counts them, so that
 * both mean the same card by a number. By itself CUDA counts the fastest card first.
 */
export function engineEnvironment(environment: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  return { ...environment, CUDA_DEVICE_ORDER: 'PCI_BUS_ID' };
}
