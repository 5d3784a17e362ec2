// A word with its meaning, which shows when the pointer or the focus is on it; Escape hides it.

import type { ComponentChildren } from "preact";
import { useId, useState } from "preact/hooks";

export function Term({ title, children }: { title: string; children: ComponentChildren }) {
  const id = useId();
  const [open, setOpen] = useState(false);
  return (
    <span class="term" onMouseEnter={() => setOpen(true)} onMouseLeave={() => setOpen(false)}>
      <button
        type="button"
        aria-describedby={id}
        onFocus={() => setOpen(true)}
        onBlur={() => setOpen(false)}
        onClick={() => setOpen(true)}
        onKeyDown={(event) => event.key === "Escape" && setOpen(false)}
      >
        {title}
      </button>
      <span class={open ? "meaning" : "meaning away"} role="tooltip" id={id}>
        {children}
      </span>
    </span>
  );
}
