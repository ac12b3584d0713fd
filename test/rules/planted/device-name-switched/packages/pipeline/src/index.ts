export function labelOf(device: string): string {
  switch (device) {
    case 'cuda':
      return 'a card of NVIDIA';
    default:
      return device;
  }
}
