// Dark, light, or as the system is set. Kept in this browser only.

export type Theme = "system" | "dark" | "light";

const KEY = "hilum-theme";
const ORDER: Theme[] = ["system", "dark", "light"];

export function theme(): Theme {
  const kept = localStorage.getItem(KEY);
  return ORDER.find((one) => one === kept) ?? "system";
}

export function setTheme(chosen: Theme): void {
  localStorage.setItem(KEY, chosen);
  if (chosen === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
}

export const nextTheme = (now: Theme): Theme => ORDER[(ORDER.indexOf(now) + 1) % ORDER.length] ?? "system";
