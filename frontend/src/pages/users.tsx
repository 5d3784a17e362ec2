export function UsersPage() {
  return (
    <main id="main">
      <h1>Users</h1>
    </main>
  );
}
