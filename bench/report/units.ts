const mebibyte = 1024 * 1024;

/** A time in the unit in which it is easy to read. */
export function formatSeconds(seconds: number): string {
  if (seconds >= 1) return `${toDigits(seconds)} s`;
  if (seconds >= 1e-3) return `${toDigits(seconds * 1e3)} ms`;
  return `${toDigits(seconds * 1e6)} µs`;
}

export function formatBytes(bytes: number): string {
  return `${Math.round(bytes / mebibyte)} MiB`;
}

export function formatRate(rate: number): string {
  return `${toDigits(rate)}/s`;
}

export function formatRatio(ratio: number): string {
  return `${toDigits(ratio)}×`;
}

/** Two digits that count, or all those before the point. */
function toDigits(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en-US');
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
