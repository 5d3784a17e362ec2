// How numbers, times and sizes are written on the page.

export const count = (value: number, one: string, many = `${one}s`) => `${value} ${value === 1 ? one : many}`;

/** A figure with as many digits as it needs; "not measured" stands apart and is never 0. */
export function figure(value: number | null, unit = "", digits = 1): string {
  if (value === null) return "–";
  const text = Number.isInteger(value) ? String(value) : value.toFixed(digits);
  if (unit === "points" && text === "1") return "1 point";
  return unit ? `${text} ${unit}` : text;
}

/** A moment in the reader's own time zone: 2026-03-14 09:05. */
export function moment(iso: string): string {
  const at = new Date(iso);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}`;
}

export function bytes(value: number): string {
  const units = ["B", "kB", "MB", "GB"];
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit] ?? ""}`;
}
