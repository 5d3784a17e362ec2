// What else a version says: findings, measures, files.

import { zipUrl } from "../api";
import { bytes, figure } from "../format";
import { Notice } from "../parts/notice";
import type { Finding, StudyDetail, VersionDetail } from "../types";

export function Findings({ findings }: { findings: Finding[] }) {
  if (findings.length === 0) return null;
  return (
    <section aria-label="Findings">
      {findings.map(({ code, severity, message }) => (
        <Notice key={code} kind={severity === "error" ? "error" : severity === "warning" ? "warning" : "info"}>
          {message}
        </Notice>
      ))}
    </section>
  );
}

export function Measures({ version }: { version: VersionDetail }) {
  if (version.measures.length === 0) return null;
  return (
    <details class="card">
      <summary>Measures ({version.measures.length})</summary>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">Measure</th>
              <th scope="col">Region</th>
              <th scope="col">Value</th>
            </tr>
          </thead>
          <tbody>
            {version.measures.map((one) => (
              <tr key={`${one.id} ${one.region}`}>
                <th scope="row">{one.title}</th>
                <td>{one.region.replaceAll("-", " ")}</td>
                <td>{one.value === null ? `not measured: ${one.reason}` : figure(one.value, one.unit)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

export function Files({ study, version }: { study: StudyDetail; version: number }) {
  const files = study.files.filter((file) => file.version === version || file.version === null);
  const report = files.find(({ name }) => name === "report.html");
  return (
    <section class="card" aria-labelledby="files-title">
      <h2 id="files-title">Results</h2>
      <p class="row">
        {report && (
          <a class="button" href={report.url} target="_blank" rel="noopener">
            Open the report
          </a>
        )}
        <a class="button" href={zipUrl(study.id, version)} download>
          All files (zip)
        </a>
      </p>
      <ul class="files">
        {files.map((file) => (
          <li key={file.url}>
            <a href={file.url} download={file.name}>
              {file.name}
            </a>{" "}
            <span class="muted">{bytes(file.bytes)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
