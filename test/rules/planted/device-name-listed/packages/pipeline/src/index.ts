export function hasOwnMemory(device: string): boolean {
  return ['webgpu', 'cuda'].includes(device);
}
