export function ComparePage() {
  return (
    <main id="main">
      <h1>Compare</h1>
    </main>
  );
}
