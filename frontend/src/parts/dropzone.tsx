// Where films, CT series, folders and zip files come in.

import { useEffect, useRef, useState } from "preact/hooks";

import { upload, type UploadFields } from "../api";
import { filesChosen, filesOf, type Parcel, parcels } from "../dropped";
import { count } from "../format";
import { sentence } from "../load";
import type { Study } from "../types";

// So many uploads at a time: one is unpacked by the server while the next is on its way.
const AT_ONCE = 2;

interface Sending {
  name: string;
  share: number;
  trouble: string;
  over: boolean;
}

interface DropzoneProps {
  /** Called after every upload with its studies; `alone` when it was the only one of its drop. */
  onStudies: (studies: Study[], alone: boolean) => void;
}

export function Dropzone({ onStudies }: DropzoneProps) {
  const [over, setOver] = useState(false);
  const [sending, setSending] = useState<Sending[]>([]);
  const fields = useRef<HTMLFormElement>(null);

  const send = async (found: Parcel[]) => {
    const list: Sending[] = found.map(({ name }) => ({ name, share: 0, trouble: "", over: false }));
    const told = (one: Sending, change: Partial<Sending>) => {
      Object.assign(one, change);
      setSending([...list]);
    };
    setSending([...list]);
    const extra = fieldsOf(fields.current);
    const waiting = found.map((parcel, place) => ({ parcel, line: list[place] as Sending }));
    const work = async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        const { parcel, line } = next;
        try {
          const studies = await upload(parcel.files, extra, (share) => told(line, { share }));
          told(line, { over: true, share: 1 });
          onStudies(studies, found.length === 1);
        } catch (error) {
          told(line, { over: true, trouble: sentence(error) });
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    setSending(list.filter((one) => one.trouble));
  };

  // A file dropped beside the zone must not replace the page.
  useEffect(() => {
    const hold = (event: DragEvent) => event.preventDefault();
    addEventListener("dragover", hold);
    addEventListener("drop", hold);
    return () => {
      removeEventListener("dragover", hold);
      removeEventListener("drop", hold);
    };
  }, []);

  const dropped = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    if (event.dataTransfer) void filesOf(event.dataTransfer).then((files) => send(parcels(files)));
  };
  return (
    <section
      class={`card dropzone${over ? " over" : ""}`}
      aria-label="Add studies"
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={dropped}
    >
      <div class="row">
        <p class="grow">
          <strong>Drop films, CT series, folders or zip files here</strong>
          <br />
          <span class="muted">DICOM, NIfTI, NRRD, MetaImage, PNG, JPEG, TIFF. Nothing leaves this machine.</span>
        </p>
        <Chooser title="Choose files" onFiles={(list) => void send(parcels(filesChosen(list)))} />
        <Chooser title="Choose a folder" folder onFiles={(list) => void send(parcels(filesChosen(list)))} />
      </div>
      <details>
        <summary>Patient, date and note of what comes next</summary>
        <form ref={fields} class="row" onSubmit={(event) => event.preventDefault()}>
          <label>
            Patient (a pseudonym)
            <input name="patient" maxLength={64} autocomplete="off" />
          </label>
          <label>
            Date of the study
            <input name="date" type="date" />
          </label>
          <label>
            Note
            <input name="note" maxLength={500} autocomplete="off" />
          </label>
        </form>
      </details>
      <Progress sending={sending} />
    </section>
  );
}

function fieldsOf(form: HTMLFormElement | null): UploadFields {
  if (!form) return {};
  const data = new FormData(form);
  const found: UploadFields = {};
  for (const key of ["patient", "date", "note"] as const) {
    const value = data.get(key);
    if (typeof value === "string" && value !== "") found[key] = value;
  }
  return found;
}

interface ChooserProps {
  title: string;
  folder?: boolean;
  onFiles: (list: FileList) => void;
}

function Chooser({ title, folder = false, onFiles }: ChooserProps) {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (input.current) input.current.webkitdirectory = folder;
  }, [folder]);
  const changed = () => {
    const chosen = input.current;
    if (!chosen?.files?.length) return;
    onFiles(chosen.files);
    chosen.value = "";
  };
  return (
    <>
      <input ref={input} hidden type="file" multiple aria-label={title} onChange={changed} />
      <button type="button" class={folder ? "" : "primary"} onClick={() => input.current?.click()}>
        {title}
      </button>
    </>
  );
}

function Progress({ sending }: { sending: Sending[] }) {
  const under = sending.filter((one) => !one.over);
  const failed = sending.filter((one) => one.trouble);
  return (
    <div aria-live="polite">
      {under.length > 0 && <p>{count(under.length, "upload")} under way</p>}
      {under.slice(0, 4).map((one) => (
        <label key={one.name}>
          {one.name}
          <progress value={one.share} max={1} />
        </label>
      ))}
      {failed.length > 0 && (
        <ul class="notice error">
          {failed.map((one) => (
            <li key={one.name}>
              {one.name}: {one.trouble}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
