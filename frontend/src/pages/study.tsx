interface StudyPageProps {
  id: string;
}

export function StudyPage({ id }: StudyPageProps) {
  return (
    <main id="main">
      <h1>Study {id}</h1>
    </main>
  );
}
