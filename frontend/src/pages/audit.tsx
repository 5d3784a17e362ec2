export function AuditPage() {
  return (
    <main id="main">
      <h1>Audit</h1>
    </main>
  );
}
