export default function twice(value: number): number {
  return value * 2;
}
