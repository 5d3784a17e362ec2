export function WorklistPage() {
  return (
    <main id="main">
      <h1>Worklist</h1>
    </main>
  );
}
