// What was dropped or chosen, sorted into uploads: one for every folder and every file that stands for itself, one for
// loose DICOM files together, since a series is many of them.

import type { Upload } from "./api";

export interface Parcel {
  name: string;
  files: Upload[];
}

const STANDS_ALONE = /\.(png|jpe?g|bmp|tiff?|webp|nii|nii\.gz|nrrd|mha|zip)$/i;

/** Files of a drop with their paths inside it; folders are walked. */
export async function filesOf(transfer: DataTransfer): Promise<Upload[]> {
  // Entries have to be asked for before the first pause: the list is emptied when the event is over.
  const entries = Array.from(transfer.items, (item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  if (entries.length === 0) return Array.from(transfer.files, (file) => ({ file, path: file.name }));
  return (await Promise.all(entries.map(walk))).flat();
}

async function walk(entry: FileSystemEntry): Promise<Upload[]> {
  const path = entry.fullPath.replace(/^\//, "");
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return [{ file, path }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: Upload[] = [];
  for (;;) {
    // A reader gives at most a hundred entries at a time, and none at the end.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return found;
    found.push(...(await Promise.all(some.map(walk))).flat());
  }
}

/** Files chosen in a dialogue; those of a folder bring their path along. */
export function filesChosen(list: FileList): Upload[] {
  return Array.from(list, (file) => ({ file, path: file.webkitRelativePath || file.name }));
}

/** Sorts files into uploads, in the order in which they came. */
export function parcels(files: Upload[]): Parcel[] {
  const found = new Map<string, Parcel>();
  const loose: Upload[] = [];
  for (const one of files) {
    const top = one.path.split("/")[0] ?? one.path;
    if (top === one.path && !STANDS_ALONE.test(one.path)) loose.push(one);
    else {
      const parcel = found.get(top) ?? { name: top, files: [] };
      parcel.files.push(one);
      found.set(top, parcel);
    }
  }
  if (loose.length > 0) {
    const name = loose.length === 1 ? (loose[0]?.path ?? "") : `${loose.length} files`;
    found.set("", { name, files: loose });
  }
  return [...found.values()];
}
