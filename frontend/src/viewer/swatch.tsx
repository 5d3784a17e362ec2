/** A spot of a label's colour; the text beside it says what it is. */
export function Swatch({ colour }: { colour: string }) {
  return (
    <svg class="swatch" width="12" height="12" aria-hidden="true">
      <rect width="12" height="12" rx="2" fill={colour} />
    </svg>
  );
}
