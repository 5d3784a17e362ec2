// Who did what and when (administrators only).

import { audit } from "../api";
import { moment } from "../format";
import { useLoaded } from "../load";
import { Notice } from "../parts/notice";
import { navigate } from "../router";

const SIZE = 100;

interface AuditPageProps {
  address: URL;
}

export function AuditPage({ address }: AuditPageProps) {
  const study = address.searchParams.get("study") ?? "";
  const page = Number(address.searchParams.get("page")) || 1;
  const { value, trouble } = useLoaded(() => audit({ study, page, size: SIZE }), address.search);
  const turn = (to: number) => {
    const pairs = new URLSearchParams(study ? { study } : {});
    pairs.set("page", String(to));
    navigate(`/audit?${pairs.toString()}`);
  };
  const pages = value ? Math.max(1, Math.ceil(value.total / value.size)) : 1;
  return (
    <main id="main">
      <h1>Audit trail</h1>
      {trouble && <Notice kind="error">{trouble}</Notice>}
      {study && (
        <p>
          Of one <a href={`/studies/${study}`}>study</a>. <a href="/audit">Show everything</a>
        </p>
      )}
      {value && (
        <>
          <div class="scroll">
            <table>
              <caption class="hidden">Audit trail, newest first</caption>
              <thead>
                <tr>
                  <th>Time</th>
                  <th>User</th>
                  <th>Address</th>
                  <th>Action</th>
                  <th>Study</th>
                  <th>Details</th>
                </tr>
              </thead>
              <tbody>
                {value.items.map((entry) => (
                  <tr key={entry.id}>
                    <td class="date">{moment(entry.time)}</td>
                    <td>{entry.user}</td>
                    <td>{entry.address}</td>
                    <td>{entry.action}</td>
                    <td>
                      {entry.study_id && (
                        <a href={`/audit?study=${entry.study_id}`} title="Only this study">
                          {entry.study_id.slice(0, 8)}
                        </a>
                      )}
                    </td>
                    <td class="detail">{details(entry.detail)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          <div class="row pages">
            <button type="button" disabled={page <= 1} onClick={() => turn(page - 1)}>
              Newer
            </button>
            <span role="status">
              Page {page} of {pages}, {value.total} entries
            </span>
            <button type="button" disabled={page >= pages} onClick={() => turn(page + 1)}>
              Older
            </button>
          </div>
        </>
      )}
    </main>
  );
}

const details = (detail: Record<string, unknown>) =>
  Object.entries(detail)
    .map(([key, value]) => `${key}: ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(", ");
