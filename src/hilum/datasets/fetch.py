"""Downloads of data sets: checked, taken up again where they broke off, and never started without being asked for.

Files are fetched by pooch. A file whose connection broke is kept as ``.<name>.part`` and taken up there by the next
run. Checksums come from the catalogue, from the archive that a DOI leads to (Zenodo, Figshare, Dataverse), or, for a
file of which nobody states any, from the first download: ``hilum-fetch.json`` in the folder remembers them.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from os import PathLike
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from hilum.errors import FetchError, MissingExtra, ReadError
from hilum.provenance import hash_file

if TYPE_CHECKING:
    import requests
    from pooch import Pooch

    from .catalogue import CatalogueEntry

MANIFEST = "hilum-fetch.json"
"""What was fetched into a folder, from where, with its SHA-256."""

TIMEOUT_SECONDS = (20.0, 60.0)
"""For the connection, and for each piece of an answer."""

PIECE = 1 << 16
"""Bytes read at a time; no more than these are lost when a connection breaks."""

Progress = Callable[[str, int, int], None]
"""Told the name of a file, its bytes so far and all its bytes (0 where the server does not say)."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file that anyone may download.

    Attributes
    ----------
    name : what it is called here
    url : where it is
    checksum : ``md5:...`` or ``sha256:...``; empty where nobody states one
    """

    name: str
    url: str
    checksum: str = ""

    def __post_init__(self) -> None:
        if PurePosixPath(self.name).name != self.name or self.name in {"", ".", ".."} or "\\" in self.name:
            raise ReadError(f"A file to be fetched is named {self.name!r}, which is not the name of a file.")


def fetch(entry: CatalogueEntry, folder: Path, *, progress: Progress | None = None) -> tuple[Path, ...]:
    """Download what a data set consists of into a folder; files that are there already are only checked.

    Parameters
    ----------
    entry : out of the catalogue
    folder : made if it is not there
    progress : told how far a file is; may be called often

    Returns
    -------
    The paths of the files, in the order of the catalogue.

    Raises
    ------
    MissingExtra
        The extra ``data`` is not installed.
    FetchError
        The data set has no public files to fetch, there is no connection, the server refuses, or a file is not what
        its checksum says.
    """
    if not (entry.files or entry.archive_doi):
        home = f" (home: {entry.home})" if entry.home else ""
        raise FetchError(f"{entry.id!r} is not open to programs, so Hilum cannot fetch it. {entry.how_to_get}{home}")
    try:
        import_module("pooch")
    except ImportError as error:
        raise MissingExtra("hilum datasets fetch", "data") from error
    files = [*entry.files, *(_files_of_doi(entry.archive_doi, entry.archive_files) if entry.archive_doi else ())]
    known = _remembered(folder)
    return tuple(_fetch_file(file, folder, known, progress) for file in files)


def _files_of_doi(doi: str, wanted: Sequence[str]) -> list[RemoteFile]:
    """The files of an archive, with the checksums that it states; only those wanted, if any are named."""
    import requests
    from pooch.downloaders import doi_to_repository

    checksums: dict[str, str] = {}

    class _Registry:
        registry = checksums

    try:
        archive = doi_to_repository(doi, timeout=TIMEOUT_SECONDS)
        archive.populate_registry(_Registry())  # pyright: ignore[reportArgumentType] - it fills nothing else
        names = wanted or sorted(checksums)
        return [RemoteFile(name, archive.download_url(name), checksums[name]) for name in names]
    except requests.RequestException as error:
        by_hand = "download its files on another machine, and read their folder"
        raise _no_connection(f"https://doi.org/{doi}", error, by_hand=by_hand) from error
    except (ValueError, KeyError, TypeError) as error:
        raise FetchError(f"The archive that DOI {doi} leads to answers otherwise than expected: {error}.") from error


def _fetch_file(file: RemoteFile, folder: Path, known: dict[str, str], progress: Progress | None) -> Path:
    import pooch

    checksum = file.checksum or known.get(file.name)
    part = folder / f".{file.name}.part"
    pooch.get_logger().setLevel("WARNING")  # its own talk; ours is the progress
    try:
        folder.mkdir(parents=True, exist_ok=True)
        made = pooch.retrieve(
            file.url, checksum or None, fname=file.name, path=folder, downloader=_Resuming(part, checksum, progress)
        )
    except OSError as error:
        raise FetchError(f"Cannot write {str(folder / file.name)!r}: {error.strerror or error}.") from error
    except ValueError as error:  # pooch's word for a wrong checksum
        raise FetchError(
            f"{file.url} is not what it should be: its checksum is not {checksum}. It may be another "
            "version now, or a proxy may have answered in its place; nothing was kept."
        ) from error
    finally:
        if (folder / file.name).is_file():
            part.unlink(missing_ok=True)
    known[file.name] = f"sha256:{hash_file(Path(made))}"
    _remember(folder, known)
    return Path(made)


class _Resuming:
    """A downloader of pooch's that goes on where an earlier one broke off."""

    def __init__(self, part: Path, checksum: str | None, progress: Progress | None) -> None:
        self._part, self._checksum, self._progress = part, checksum, progress
        self._name = part.name.removeprefix(".").removesuffix(".part")
        self._tag = part.with_name(f"{part.name}-of")

    def __call__(
        self,
        fname: str,
        action: str | PathLike[Any] | None,
        pooch: Pooch | None,  # noqa: ARG002 - pooch's signature, with its odd names for the URL and the output file
        *,
        check_only: bool | None = None,  # noqa: ARG002
    ) -> None:
        """Download a URL to a file."""
        import requests

        try:
            self._go_on(fname)
        except requests.RequestException as error:
            raise _no_connection(fname, error, got=self._have()) from error
        self._part.replace(str(action))
        self._tag.unlink(missing_ok=True)

    def _have(self) -> int:
        return self._part.stat().st_size if self._part.is_file() else 0

    def _go_on(self, url: str) -> None:
        import requests

        headers = {"Accept-Encoding": "identity"}  # bytes on the line are bytes of the file
        tag = self._tag.read_text(encoding="utf-8") if self._tag.is_file() else ""
        if self._have() and (tag or self._checksum):
            headers |= {"Range": f"bytes={self._have()}-"} | ({"If-Range": tag} if tag else {})
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_SECONDS) as answer:
            if answer.status_code == 416:  # nothing is left to send, or the part is longer than the file
                self._restart_unless_whole(answer)
                return
            answer.raise_for_status()
            goes_on = answer.status_code == 206 and _starts_at(answer) == self._have()
            self._tag.write_text(_validator(answer), encoding="utf-8")
            self._write(answer, goes_on)

    def _restart_unless_whole(self, answer: requests.Response) -> None:
        if answer.headers.get("Content-Range", "") != f"bytes */{self._have()}":
            url = answer.url
            self._part.unlink()
            self._go_on(url)

    def _write(self, answer: requests.Response, goes_on: bool) -> None:
        done = self._have() if goes_on else 0
        total = done + int(answer.headers.get("Content-Length", 0))
        with self._part.open("ab" if goes_on else "wb") as file:
            for piece in answer.iter_content(PIECE):
                file.write(piece)
                done += len(piece)
                if self._progress:
                    self._progress(self._name, done, total)


def unpack(paths: Sequence[Path]) -> tuple[Path, ...]:
    """Unpack every zip file into a folder of its name beside it, unless that is there; the folders.

    Raises
    ------
    FetchError
        A file is no whole zip file, or there is no room.
    """
    return tuple(_unpack(path) for path in paths if path.suffix.lower() == ".zip")


def _unpack(path: Path) -> Path:
    target, unfinished = path.with_suffix(""), path.with_name(f".{path.stem}.unpacking")
    if target.exists():
        return target
    try:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(unfinished)  # leaves out what would lead out of the folder
        return unfinished.rename(target)
    except (OSError, zipfile.BadZipFile, NotImplementedError) as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise FetchError(f"Cannot unpack {str(path)!r}: {error}.") from error


def _starts_at(answer: requests.Response) -> int:
    _, _, rest = answer.headers.get("Content-Range", "").partition("bytes ")
    start = rest.split("-")[0]
    return int(start) if start.isdigit() else -1


def _validator(answer: requests.Response) -> str:
    """What tells this version of the file from another; empty, and so no resuming, where the server gives nothing."""
    tag = answer.headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified", "")


_BY_HAND = (
    "download the file on another machine and put it into the folder under the same name: it is checked and taken"
)


def _no_connection(url: str, error: requests.RequestException, *, got: int = 0, by_hand: str = _BY_HAND) -> FetchError:
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return FetchError(f"{url} answers {error.response.status_code} ({error.response.reason}).")
    kept = (
        f" The {got:,} bytes that came are kept: run the same command again, and it goes on from there." if got else ""
    )
    return FetchError(
        f"Cannot fetch {url}: there is no connection, or it broke ({type(error).__name__}).{kept} Behind a proxy, set "
        f"HTTPS_PROXY; without a connection, {by_hand}."
    )


def _remembered(folder: Path) -> dict[str, str]:
    path = folder / MANIFEST
    if not path.is_file():
        return {}
    try:
        found: Mapping[str, str] = json.loads(path.read_text(encoding="utf-8"))["files"]
        return {str(name): str(checksum) for name, checksum in found.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReadError(f"Cannot read {str(path)!r}: {error}. Remove it to fetch anew.", path=path) from error


def _remember(folder: Path, known: Mapping[str, str]) -> None:
    from hilum.writers.whole import whole_file

    with whole_file(folder / MANIFEST) as unfinished:
        text = json.dumps({"files": dict(sorted(known.items()))}, indent=2, ensure_ascii=False)
        unfinished.write_text(text + "\n", encoding="utf-8")
