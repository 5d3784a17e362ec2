/** A box to tick, with what it means. */
export function Tick({ title, on, set, locked }: { title: string; on: boolean; set: (on: boolean) => void; locked?: boolean }) {
  return (
    <label>
      <input type="checkbox" checked={on} disabled={locked} onChange={(event) => set(event.currentTarget.checked)} /> {title}
    </label>
  );
}
