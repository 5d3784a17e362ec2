// A sentence for the person who must act on it; screen readers hear it when it appears.

import type { ComponentChildren } from "preact";

interface NoticeProps {
  kind: "info" | "warning" | "error";
  children: ComponentChildren;
}

export function Notice({ kind, children }: NoticeProps) {
  return (
    <div class={`notice ${kind}`} role={kind === "error" ? "alert" : "status"}>
      {children}
    </div>
  );
}
