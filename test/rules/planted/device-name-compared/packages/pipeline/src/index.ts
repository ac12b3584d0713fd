export function mapsWeights(device: { readonly name: string }): boolean {
  return device.name === 'cpu';
}
