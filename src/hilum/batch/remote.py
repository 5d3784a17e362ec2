"""Cases behind URLs: ``s3://``, ``gs://``, ``https://`` and whatever else fsspec reads.

A case is fetched into a folder for temporary files when it is worked on, and removed after, so that the disk holds no
more than the cases in work and those next in turn.
"""

from __future__ import annotations

import glob
import hashlib
import shutil
import tempfile
from collections.abc import Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from hilum.errors import Error, MissingExtra, ReadError
from hilum.readers import Entry, find
from hilum.readers.spots import Spot, is_candidate, names
from hilum.registry import unknown
from hilum.settings import ReadSettings
from hilum.writers.whole import MARKER

LOOKS_AT_ONCE = 16
"""Questions to a storage that are under way at once, about the files of a list."""

_BLOCK = 1 << 20

_VERSIONS = ("ETag", "etag", "md5Hash", "content_md5", "mtime", "LastModified", "last_modified", "updated", "created")
"""What storages call that which changes with a file, the surest first."""


@dataclass(frozen=True, slots=True)
class RemoteEntry:
    """One film or CT behind a URL.

    Attributes
    ----------
    name : case id, as of :class:`~hilum.readers.Entry`
    url : of the file; one that ends in a slash is a folder, and all its files are the case
    state : what the storage said of its size and version; empty if it is not there
    settings : limits of the readers
    """

    name: str
    url: str
    state: str
    settings: ReadSettings = field(repr=False)


AnyEntry = Entry | RemoteEntry
"""A case, wherever its files are."""


def is_url(given: str) -> bool:
    """Whether an input is a URL and not a path."""
    scheme, mark, _ = given.partition("://")
    return bool(mark) and len(scheme) > 1 and scheme.replace("+", "").replace("-", "").isalnum()


def list_urls(given: Sequence[str], settings: ReadSettings) -> tuple[tuple[RemoteEntry, ...], int]:
    """The cases behind URLs of files, folders and patterns, and how many files are results of Hilum.

    Parameters
    ----------
    given : of a file; of a folder, of which every file that may be an image is a case; or a pattern, which names
        files, or folders that are a case each if it ends in a slash
    settings : limits of the readers

    Raises
    ------
    MissingExtra
        fsspec is not installed.
    ReadError
        A URL is of no kind that is known here, nothing is there, or the storage does not answer.
    """
    states: dict[str, str] = {}
    left_out = 0
    for url in given:
        found = _listed(url)
        results = {PurePosixPath(each).parent for each in found if PurePosixPath(each).name == MARKER}
        kept = {each: state for each, state in found.items() if PurePosixPath(each).parent not in results}
        left_out += len(found) - len(kept)
        states |= kept
    return _entries(states, settings), left_out


def entries_of_list(urls: Iterable[str], settings: ReadSettings) -> tuple[RemoteEntry, ...]:
    """One case for each URL that a list names, there or not; errors as of :func:`list_urls`."""
    wanted = list(dict.fromkeys(urls))
    for scheme in {url.partition("://")[0] for url in wanted}:
        _storage(f"{scheme}://")
    with ThreadPoolExecutor(LOOKS_AT_ONCE, thread_name_prefix="hilum-look") as pool:
        return _entries(dict(zip(wanted, pool.map(_state_of, wanted), strict=True)), settings)


@contextmanager
def fetched(entry: AnyEntry) -> Generator[Entry]:
    """The entry with its files on this machine, as long as the block lasts.

    Raises
    ------
    ReadError
        It cannot be fetched, there is no room for it, or there are several films or CTs in it. Messages name the URL.
    """
    if not isinstance(entry, RemoteEntry):
        yield entry
        return
    with tempfile.TemporaryDirectory(prefix="hilum-") as temporary:
        folder = Path(temporary)
        here = _fetch(entry, folder)
        try:
            found = list(find([here], entry.settings))
            if len(found) != 1:
                raise ReadError(f"'{here}' holds {len(found)} films or scans, and one is wanted.", path=entry.url)
            yield replace(found[0], name=entry.name)
        except Error as error:
            error.args = (_named(str(error), here, entry.url), *error.args[1:])
            raise


def content_stamp(entry: RemoteEntry) -> str:
    """Hash of all bytes behind a URL; OSError or what the storage raises if they cannot be had."""
    storage, path = _storage(entry.url)
    made = hashlib.sha256()
    for each in sorted(storage.find(path)) if entry.url.endswith("/") else [path]:
        with storage.open(each, "rb") as file:
            while block := file.read(_BLOCK):
                made.update(block)
    return made.hexdigest()


def _named(message: str, here: Path, url: str) -> str:
    """A message that speaks of the URL in place of the file that was fetched."""
    return message.replace(str(here), url.rstrip("/"))


def _entries(states: Mapping[str, str], settings: ReadSettings) -> tuple[RemoteEntry, ...]:
    urls = sorted(states)
    spots = [_spot(url) for url in urls]
    return tuple(RemoteEntry(name, url, states[url], settings) for name, url in zip(names(spots), urls, strict=True))


def own_name(url: str) -> str:
    """A name for the case behind a URL that no other has."""
    return list(_spot(url).names())[-1]


def _spot(url: str) -> Spot:
    return Spot(Path("/", *_parts(url)), None, _parts(url)[-2], _parts(url)[-1:])


def _parts(url: str) -> tuple[str, ...]:
    """Nothing, scheme, host and folders of a URL: names for this machine, none of which leads upwards."""
    scheme, _, rest = url.partition("://")
    parts = PurePosixPath(rest.partition("?")[0].strip("/")).parts
    return ("", scheme, *("up" if part == ".." else part for part in parts))


def _storage(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the path in it."""
    try:
        from fsspec.core import url_to_fs
        from fsspec.registry import known_implementations
    except ImportError as error:
        raise MissingExtra("Reading from URLs", "cluster") from error
    scheme = url.partition("://")[0]
    try:
        found: tuple[Any, str] = url_to_fs(url)
    except ImportError as error:
        raise ReadError(f"Cannot read '{scheme}://': its package is not installed. {error}.", path=url) from error
    except ValueError as error:
        if scheme not in known_implementations:
            raise ReadError(f"Cannot read {url!r}. {unknown('protocol', scheme, known_implementations)}") from error
        raise _unread(url, error) from error
    except Exception as error:  # each storage raises what it likes
        raise _unread(url, error) from error
    return found


def _unread(url: str, error: Exception) -> ReadError:
    said = str(error) or type(error).__name__
    return ReadError(f"Cannot read '{url}': {said}. Check the URL, and that you may read there.", path=url)


def _listed(url: str) -> dict[str, str]:
    """URL and state of every case below a URL."""
    storage, path = _storage(url)
    try:
        if glob.has_magic(path):
            wanted = "directory" if url.endswith("/") else "file"
            infos = storage.glob(path.rstrip("/"), detail=True)
            found = {name: info for name, info in infos.items() if info["type"] == wanted}
            if wanted == "directory":
                return {url: _state_of(url) for url in (f"{storage.unstrip_protocol(name)}/" for name in found)}
        elif (info := storage.info(path))["type"] == "file":
            return {url: _state(info)}
        else:
            below = storage.find(path, detail=True)
            found = {name: info for name, info in below.items() if _is_wanted(name, path)}
    except FileNotFoundError:
        found = {}
    except Exception as error:  # each storage raises what it likes
        raise _unread(url, error) from error
    if not found:
        raise ReadError(f"There is nothing at '{url}' that may be an image. Check the URL.", path=url)
    return {storage.unstrip_protocol(name): _state(info) for name, info in found.items()}


def _is_wanted(name: str, folder: str) -> bool:
    below = PurePosixPath(name.removeprefix(folder).lstrip("/"))
    return below.name == MARKER or is_candidate(below.parts)


def _state_of(url: str) -> str:
    """What the storage says of a URL; empty if nothing is there."""
    try:
        storage, path = _storage(url)
        if not url.endswith("/"):
            return _state(storage.info(path))
        below = storage.find(path, detail=True)
        states = "\n".join(f"{name} {_state(below[name])}" for name in sorted(below))
    except ReadError:
        raise
    except Exception:  # whatever it is, fetching will say it again # noqa: BLE001
        return ""
    return f"{len(below)} {hashlib.sha256(states.encode()).hexdigest()[:16]}" if below else ""


def _state(info: Mapping[str, Any]) -> str:
    version = next((info[name] for name in _VERSIONS if info.get(name)), "")
    return f"{info.get('size') or 0} {version}".strip()


def _fetch(entry: RemoteEntry, folder: Path) -> Path:
    """Copy the files of a case, and give back the file or folder."""
    storage, path = _storage(entry.url)
    here = folder / _parts(entry.url)[-1]
    try:
        below = storage.find(path, detail=True) if entry.url.endswith("/") else {path: storage.info(path)}
        if not below:
            raise FileNotFoundError(path)  # noqa: TRY301 - as the storage says it of a file
        _require_room(entry, sum(info.get("size") or 0 for info in below.values()), folder)
        for name in below:
            target = here / _inside(entry, name.removeprefix(path))
            target.parent.mkdir(parents=True, exist_ok=True)
            storage.get_file(name, str(target))
    except FileNotFoundError as error:
        raise ReadError(f"There is no file '{entry.url}'. Check the URL.", path=entry.url) from error
    except ReadError:
        raise
    except Exception as error:  # each storage raises what it likes
        raise _unread(entry.url, error) from error
    return here


def _inside(entry: RemoteEntry, name: str) -> PurePosixPath:
    """Where a file of a folder's goes; a case that is a single file is the place itself."""
    inside = PurePosixPath(name.lstrip("/")) if entry.url.endswith("/") else PurePosixPath()
    if ".." in inside.parts:
        raise ReadError(f"Cannot read '{entry.url}': its file {name!r} leads out of it.", path=entry.url)
    return inside


def _require_room(entry: RemoteEntry, size: int, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if size > free:
        raise ReadError(
            f"Cannot fetch '{entry.url}': it has {size / 1e6:,.0f} MB, and {free / 1e6:,.0f} MB are free for temporary "
            "files. Free some space there, or name another folder by TMPDIR.",
            path=entry.url,
        )
