// Search and filters of the worklist. The address bar holds them, so that a view can be kept and sent.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import type { StudyQuery } from "../api";
import type { State } from "../types";
import { STATES } from "./state-badge";

interface FiltersProps {
  asked: StudyQuery;
  counts: Partial<Record<State, number>>;
  onChange: (change: Partial<StudyQuery>) => void;
  children: ComponentChildren;
}

export function Filters({ asked, counts, onChange, children }: FiltersProps) {
  const [text, setText] = useState(asked.q ?? "");
  const search = useRef<HTMLInputElement>(null);
  const timer = useRef(0);
  useEffect(() => setText(asked.q ?? ""), [asked.q]);
  useEffect(() => {
    const slash = (event: KeyboardEvent) => {
      const inField = event.target instanceof Element && event.target.closest("input, select, textarea");
      if (event.key !== "/" || inField) return;
      event.preventDefault();
      search.current?.focus();
    };
    addEventListener("keydown", slash);
    return () => removeEventListener("keydown", slash);
  }, []);
  const typed = (value: string) => {
    setText(value);
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => onChange({ q: value }), 250);
  };
  const states = Object.entries(STATES) as [State, string][];
  return (
    <div class="row filters" role="search">
      <label>
        Search (key /)
        <input
          ref={search}
          type="search"
          value={text}
          placeholder="Name, patient or note"
          onInput={(event) => typed(event.currentTarget.value)}
        />
      </label>
      <label>
        State
        <select value={asked.state ?? ""} onChange={(event) => onChange({ state: event.currentTarget.value })}>
          <option value="">All</option>
          {states.map(([state, title]) => (
            <option key={state} value={state}>
              {title} ({counts[state] ?? 0})
            </option>
          ))}
        </select>
      </label>
      <label>
        Kind
        <select value={asked.modality ?? ""} onChange={(event) => onChange({ modality: event.currentTarget.value })}>
          <option value="">All</option>
          <option value="CXR">Film</option>
          <option value="CT">CT</option>
        </select>
      </label>
      {asked.patient && (
        <button type="button" onClick={() => onChange({ patient: "" })}>
          Patient {asked.patient} ✕<span class="hidden">: show all patients</span>
        </button>
      )}
      {children}
    </div>
  );
}
