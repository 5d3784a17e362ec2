"""A reader (``hilum serve``) from Python: upload, wait, fetch results, send corrections. Needs no extra.

>>> from hilum.web.client import Reader
>>> reader = Reader("http://127.0.0.1:8470")  # doctest: +SKIP
>>> (study,) = reader.upload("film.png")  # doctest: +SKIP
>>> reader.wait(study).scores["six-zone"]  # doctest: +SKIP
2.0
"""

from __future__ import annotations

import json
import secrets
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPException, IncompleteRead
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any, Self

from hilum.errors import ReadError, ServiceError
from hilum.provenance import Json
from hilum.writers.whole import whole_file

ENDED = ("done", "signed", "refused", "failed")
"""States in which a study is not worked on."""

_API = "/api/v1"

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class RemoteStudy:
    """A study in a reader's worklist.

    Attributes
    ----------
    id : 32 hexadecimal digits
    name : of the film or CT
    state : ``queued``, ``running``, ``done``, ``refused``, ``failed`` or ``signed``
    code, message : why it was refused or failed
    modality : ``CXR``, ``CT``, or empty while nobody knows
    scores : of the latest version; None where it could not be measured
    latest_version : its number; -1 while there is none
    """

    id: str
    name: str
    state: str
    code: str
    message: str
    modality: str
    scores: Mapping[str, float | None]
    latest_version: int

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Self:
        """From the service's answer."""
        return cls(**{name: answer[name] for name in cls.__slots__})


class Reader:
    """A reader that is running.

    Parameters
    ----------
    url : of its page, such as ``http://127.0.0.1:8470``
    name, password : of a user; empty where nobody logs in
    timeout : seconds that one answer may take

    Raises
    ------
    ServiceError
        It does not answer, is something else, or does not let this user in.
    """

    def __init__(self, url: str, *, name: str = "", password: str = "", timeout: float = 120.0) -> None:
        self.url, self._timeout = url.rstrip("/"), timeout
        if urllib.parse.urlsplit(self.url).scheme not in {"http", "https"}:
            raise ServiceError(f"{url!r} is no address of a reader; expected http:// or https://.", code="bad-address")
        self._csrf = ""
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(CookieJar()), urllib.request.ProxyHandler({})
        )
        if name:
            self._ask("POST", "/login", {"name": name, "password": password})
        me = self._ask("GET", "/me")
        if not isinstance(me, dict) or not {"name", "csrf"} <= set(me):
            raise self._no_reader()
        if not me["name"]:
            raise ServiceError("This reader asks for a login: give a name and a password.", code="login-required")
        self._csrf = me["csrf"]

    def upload(self, *paths: Path | str, patient: str = "", date: str = "", note: str = "") -> tuple[RemoteStudy, ...]:
        """Send films and CT; each becomes a study.

        Parameters
        ----------
        paths : files, zip files or folders
        patient, date, note : of all of them; empty takes what DICOM says, as far as the reader's settings allow

        Raises
        ------
        ReadError
            There is no such file or folder, or nothing in it.
        ServiceError
            The reader does not take them.
        """
        files = [pair for path in map(Path, paths) for pair in _files(path)]
        fields = {"patient": patient, "date": date, "note": note, "origin": "client"}
        answer = self._send("/studies", fields, [("files", name, path) for name, path in files])
        return tuple(RemoteStudy.of(each) for each in answer["items"])

    def study(self, study: RemoteStudy | str) -> RemoteStudy:
        """How a study is now; ServiceError if there is none."""
        return RemoteStudy.of(self._ask("GET", f"/studies/{_id(study)}"))

    def wait(self, study: RemoteStudy | str, *, seconds: float = 600.0) -> RemoteStudy:
        """A study when it has come to its end, whatever that is: its ``state`` says it.

        Raises
        ------
        ServiceError
            It has not come to an end in time, or is gone.
        """
        until, pause = time.monotonic() + seconds, 0.05
        while (now := self.study(study)).state not in ENDED:
            if time.monotonic() > until:
                raise ServiceError(f"The study {now.name} is still {now.state} after {seconds:g} s.", code="too-slow")
            time.sleep(pause)
            pause = min(2.0, pause * 1.5)
        return now

    def result(self, study: RemoteStudy | str, version: int | None = None) -> dict[str, Any]:
        """The ``result.json`` of a version; None takes the latest.

        Raises
        ------
        ServiceError
            There is none.
        """
        return self._as_json(self._get(self._version(study, version) + "/files/result.json"))

    def image(self, study: RemoteStudy | str) -> bytes:
        """The film or CT as the reader shows it, as a packed NIfTI file; masks of a correction lie on its grid.

        Raises
        ------
        ServiceError
            There is none (yet).
        """
        return self._get(f"/studies/{_id(study)}/image.nii.gz")

    def layers(self, study: RemoteStudy | str, version: int | None = None) -> dict[str, bytes]:
        """What is laid over the image, by name, as packed NIfTI files: lungs, lesions, zones, maps of probability.

        Raises
        ------
        ServiceError
            There is no such version.
        """
        listed = self._ask("GET", self._version(study, version) + "/layers")
        return {each["name"]: self._get(each["url"].removeprefix(_API)) for each in listed}

    def download(self, study: RemoteStudy | str, folder: Path | str, version: int | None = None) -> list[Path]:
        """Fetch all files of a version into a folder, which is made; None takes the latest.

        Raises
        ------
        ServiceError
            There are none, or one did not come whole.
        WriteError
            A file could not be written.
        """
        number = self._number(study, version)
        listed = [each for each in self._ask("GET", f"/studies/{_id(study)}")["files"] if each["version"] == number]
        return [self._fetch(each["url"].removeprefix(_API), Path(folder) / Path(each["name"]).name) for each in listed]

    def correct(
        self,
        study: RemoteStudy | str,
        *,
        lungs: Path | str | None = None,
        lesions: Path | str | None = None,
        base: int | None = None,
        note: str = "",
    ) -> int:
        """Send corrected masks, and give back the number of the version that they became.

        Parameters
        ----------
        study : that they are of
        lungs, lesions : NIfTI files on the image that the reader shows (``image.nii.gz``); None leaves them as they are
        base : the version that was corrected; None for the latest
        note : on the correction

        Raises
        ------
        ServiceError
            The reader does not take them: the sentence says why.
        """
        given = [(name, path) for name, path in (("lungs", lungs), ("lesions", lesions)) if path is not None]
        files = [(name, Path(path).name, Path(path)) for name, path in given]
        fields = {"base": str(self._number(study, base)), "note": note}
        return int(self._send(f"/studies/{_id(study)}/versions", fields, files)["number"])

    def _fetch(self, url: str, path: Path) -> Path:
        with whole_file(path) as part, part.open("wb") as file, closing(self._answer(url)) as blocks:
            file.writelines(blocks)
        return path

    def _version(self, study: RemoteStudy | str, version: int | None) -> str:
        return f"/studies/{_id(study)}/versions/{self._number(study, version)}"

    def _number(self, study: RemoteStudy | str, version: int | None) -> int:
        if version is not None:
            return version
        now = self.study(study)
        if now.latest_version < 0:
            why = now.message or f"it is {now.state}"
            raise ServiceError(f"The study {now.name} has no results: {why}", code=now.code or "no-results")
        return now.latest_version

    def _ask(self, method: str, path: str, body: Mapping[str, Json] | None = None) -> Any:
        """The answer to a request, from JSON."""
        data = None if body is None else json.dumps(body).encode()
        return self._as_json(self._get(path, method, data, {"Content-Type": "application/json"}) or b"null")

    def _as_json(self, body: bytes) -> Any:
        try:
            return json.loads(body)
        except ValueError as error:
            raise self._no_reader() from error

    def _no_reader(self) -> ServiceError:
        return ServiceError(f"What answers at {self.url} is no reader of Hilum. Check the address.", code="bad-address")

    def _get(self, path: str, method: str = "GET", data: Any = None, headers: Mapping[str, str] | None = None) -> bytes:
        return b"".join(self._answer(path, method, data, headers))

    def _send(self, path: str, fields: Mapping[str, str], files: Sequence[tuple[str, str, Path]]) -> Any:
        """The answer to a form, whose files are read as they are sent."""
        boundary = secrets.token_hex(16)
        parts = list(_parts(boundary, fields, files))
        size = sum(part.stat().st_size if isinstance(part, Path) else len(part) for part in parts)
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}", "Content-Length": str(size)}
        return self._as_json(self._get(path, "POST", _bytes(parts), headers))

    def _answer(
        self, path: str, method: str = "GET", data: Any = None, headers: Mapping[str, str] | None = None
    ) -> Generator[bytes]:
        """The answer to a request, piece by piece; ServiceError if it is a refusal, or does not come whole."""
        request = urllib.request.Request(self.url + _API + path, data=data, method=method)  # noqa: S310 - http or https
        for name, value in {**(headers or {}), "X-Hilum-CSRF": self._csrf}.items():
            request.add_header(name, value)
        try:
            with self._opener.open(request, timeout=self._timeout) as answer:
                while block := answer.read(_BLOCK):
                    yield block
                if answer.length:  # which reading by blocks does not mind
                    raise IncompleteRead(b"", answer.length)
        except urllib.error.HTTPError as error:
            raise _refusal(error) from error
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise ServiceError(
                f"The reader at {self.url} does not answer ({reason}). Is 'hilum serve' running?", code="unreachable"
            ) from error


def _id(study: RemoteStudy | str) -> str:
    return urllib.parse.quote(study if isinstance(study, str) else study.id, safe="")


def _refusal(error: urllib.error.HTTPError) -> ServiceError:
    with error:
        body = error.read(_BLOCK)
    try:
        said = json.loads(body)
        return ServiceError(str(said["message"]), code=str(said["code"]), status=error.code)
    except (ValueError, TypeError, KeyError):
        return ServiceError(f"The service answered {error.code}.", code="error", status=error.code)


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    """Files to send, each with its path below what was given."""
    if path.is_file():
        yield path.name, path
        return
    found = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else []
    if not found:
        raise ReadError(f"There is no file or folder '{path}' with anything in it. Check the path.", path=path)
    root = path.resolve()
    yield from ((f"{root.name}/{each.relative_to(path).as_posix()}", each) for each in found)


def _parts(boundary: str, fields: Mapping[str, str], files: Iterable[tuple[str, str, Path]]) -> Iterator[bytes | Path]:
    """What a form is made of: bytes, and files in their places."""
    for name, value in fields.items():
        yield f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    for name, file, path in files:
        plain = file.replace("\\", "_").replace('"', "_").replace("\r", "_").replace("\n", "_")
        yield (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{plain}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode(errors="replace")
        yield path
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode()


def _bytes(parts: Iterable[bytes | Path]) -> Iterator[bytes]:
    for part in parts:
        if isinstance(part, bytes):
            yield part
            continue
        with part.open("rb") as file:
            while block := file.read(_BLOCK):
                yield block
