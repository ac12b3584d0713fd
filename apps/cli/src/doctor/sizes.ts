const GIB = 1024 ** 3;

/** Bytes as GiB, or as MiB if they are few. */
export function gibText(bytes: number): string {
  return bytes >= GIB ? `${(bytes / GIB).toFixed(1)} GiB` : `${Math.round(bytes / 1024 ** 2)} MiB`;
}
