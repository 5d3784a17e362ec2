"""What strangers may send: the service refuses it in a sentence, and is healthy afterwards."""

from __future__ import annotations

import io
import random
import socket
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from hilum.phantom import sample_film
from hilum.writers.png import encode_png

from .serving import Served, ended, serving

BOUNDARY = "x1y2z3"


@pytest.fixture(scope="module")
def film() -> bytes:
    return encode_png(sample_film(3, shape=(173, 151)).image.array, is_picture=True)


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("reader"), upload_gb=0.004) as made:
        yield made


@pytest.fixture
def client(served) -> Iterator[httpx.Client]:
    """Somebody; after each test nothing is left half done, and the service still works."""
    with closing(served.client()) as made:
        yield made
        health = made.get("/api/v1/health")
        assert (health.status_code, health.json()["status"]) == (200, "ok")
    incoming = served.app.state.store.folder / "incoming"
    until = time.monotonic() + 600
    while list(incoming.iterdir()) and time.monotonic() < until:
        time.sleep(0.05)
    assert not list(incoming.iterdir())


def zipped(**files: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/"), content)
    return made.getvalue()


def bomb() -> bytes:
    return zipped(film=bytes(60_000_000))


def climbing() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("../../../../tmp/climbed.png", b"x")
    return made.getvalue()


def lying() -> bytes:
    """A zip file whose directory states less than its file unpacks to."""
    packed = bytearray(zipped(film=random.Random(1).randbytes(5000) + bytes(5000)))
    place = packed.rindex(b"PK\x01\x02") + 24
    packed[place : place + 4] = (100).to_bytes(4, "little")
    return bytes(packed)


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("cut.png", b"\x89PNG\r\n\x1a\n" + b"\x00" * 30, "not-an-image"),
        ("empty.dcm", b"", "not-an-image"),
        ("random.bin", bytes(range(256)) * 40, "unsupported-format"),
        ("damaged.dcm", b"\x00" * 128 + b"DICM" + random.Random(0).randbytes(600), None),
        ("cut.nii.gz", b"\x1f\x8b\x08\x00" + b"\x00" * 40, None),
        ("bomb.zip", bomb(), "unsafe-archive"),
        ("climbing.zip", climbing(), "unsafe-archive"),
        ("lying.zip", lying(), "unsafe-archive"),
        ("nested.zip", zipped(inner=zipped(a__film=b"x")), "unsafe-archive"),
        ("empty.zip", b"PK\x05\x06" + bytes(18), None),
    ],
)
def test_what_is_no_image_is_a_refused_study(client, name, content, code):
    (made,) = client.post("/api/v1/studies", files={"files": (name, content)}).json()["items"]
    study = ended(client, made["id"])
    assert study["state"] == "refused", study
    assert study["code"] == code or code is None
    assert study["message"].endswith(".")
    assert "/tmp/" not in study["message"].replace("/tmp/climbed", "")
    assert study["versions"] == []
    assert client.get(study["urls"]["thumbnail"]).status_code == 404
    assert not Path("/tmp/climbed.png").exists()


@pytest.mark.parametrize(
    "name",
    ["../../../../tmp/climbed.png", "/etc/cron.d/x.png", "C:\\x\\a.png", "a%0d%0aSet-Cookie: b=c.png", "a\\..\\b.png"],
)
def test_names_of_files_lead_nowhere(client, served, film, name):
    content = f'form-data; name="files"; filename="{name}"'
    answer = client.post("/api/v1/studies", **form(content, film))
    assert answer.status_code == 201
    study = answer.json()["items"][0]["id"]
    upload = served.app.state.store.upload(study)
    (path,) = (each for each in upload.rglob("*") if each.is_file())
    assert path.resolve().is_relative_to(upload)
    assert path.read_bytes() == film
    assert "set-cookie" not in answer.headers
    client.delete(f"/api/v1/studies/{study}")


def form(disposition: str, content: bytes, boundary: str = BOUNDARY) -> dict:
    body = f"--{boundary}\r\nContent-Disposition: {disposition}\r\n\r\n".encode() + content
    return {
        "content": body + f"\r\n--{boundary}--\r\n".encode(),
        "headers": {"Content-Type": f"multipart/form-data; boundary={boundary}"},
    }


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"no form at all", f"multipart/form-data; boundary={BOUNDARY}", 400),
        (b"", f"multipart/form-data; boundary={BOUNDARY}", 400),
        (f"--{BOUNDARY}\r\nContent-Disposition: form-data; name=files; filename=a\r\n\r\ncut".encode(),
         f"multipart/form-data; boundary={BOUNDARY}", 400),
        (f"--{BOUNDARY}--\r\n".encode(), f"multipart/form-data; boundary={BOUNDARY}", 422),
        (b"{}", "application/json", 415),
        (b"x", "multipart/form-data", 415),
        (b"x", "multipart/form-data; boundary=" + "b" * 300, 415),
        (f"--{BOUNDARY}\r\nX: {'y' * 20_000}\r\n\r\n".encode(), f"multipart/form-data; boundary={BOUNDARY}", 400),
        (f"--{BOUNDARY}\r\nContent-Disposition: form-data; name=note\r\n\r\n{'y' * 5000}".encode(),
         f"multipart/form-data; boundary={BOUNDARY}", 400),
    ],
)  # fmt: skip
def test_what_is_no_form_is_told_so(client, content, kind, status):
    answer = client.post("/api/v1/studies", content=content, headers={"Content-Type": kind})
    assert answer.status_code == status, answer.text
    assert answer.json()["message"].endswith(".")


def test_fields_that_no_database_takes_are_refused_or_cleaned(client, film):
    for wrong in ({"date": "tomorrow"}, {"patient": "a\nb"}, {"note": "x" * 2001}):
        answer = client.post("/api/v1/studies", files={"files": ("a.png", film)}, data=wrong)
        assert answer.status_code == 422, answer.text
    made = client.post("/api/v1/studies", files={"files": ("a.png", film)}, data={"note": "a\x00b"}).json()["items"][0]
    assert made["note"] == "ab"
    client.delete(f"/api/v1/studies/{made['id']}")


def raw(served: Served, head: str, body: bytes = b"") -> bytes:
    """The first bytes of the answer to a request that no client library would send."""
    place = urlsplit(served.url)
    with socket.create_connection((place.hostname, place.port), timeout=600) as link:
        link.sendall(head.encode() + body)
        return link.recv(4096)


def test_a_claim_of_two_gigabytes_is_answered_before_a_byte_is_read(client, served):
    head = (
        f"POST /api/v1/studies HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Hilum-CSRF: {client.headers['X-Hilum-CSRF']}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: 2000000000\r\n\r\n"
    )
    assert raw(served, head).startswith(b"HTTP/1.1 413")


def test_more_than_is_claimed_or_allowed_is_cut_off(client):
    def endless() -> Iterator[bytes]:
        yield f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'.encode()
        for _ in range(80):
            yield bytes(100_000)

    kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    try:
        status = client.post("/api/v1/studies", content=endless(), headers=kind).status_code
    except httpx.TransportError:  # the service closed the line while we were still sending
        status = 413
    assert status == 413
    assert client.get("/api/v1/studies", params={"q": "a.png"}).status_code == 200


def test_an_upload_that_breaks_off_leaves_nothing(client, served):
    head = (
        f"POST /api/v1/studies HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Hilum-CSRF: {client.headers['X-Hilum-CSRF']}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: 100000\r\n\r\n"
    )
    before = client.get("/api/v1/studies").json()["total"]
    place = urlsplit(served.url)
    with socket.create_connection((place.hostname, place.port)) as link:
        link.sendall(head.encode() + f"--{BOUNDARY}\r\nContent-Disposition: form-data; name=files; ".encode())
    assert client.get("/api/v1/studies").json()["total"] == before


def test_a_full_folder_takes_no_more(tmp_path, film):
    with serving(tmp_path, works=False, folder_gb=1e-6) as served, closing(served.client()) as client:
        answer = client.post("/api/v1/studies", files={"files": ("a.png", film)})
        assert (answer.status_code, answer.json()["code"]) == (413, "no-room")
        assert client.get("/api/v1/studies").json()["total"] == 0


@pytest.mark.slow
def test_twenty_uploads_at_once_all_come_to_an_end(client, served, film):
    def one(number: int) -> dict:
        with closing(served.client()) as own:
            answer = own.post("/api/v1/studies", files={"files": (f"film-{number}.png", film)})
            assert answer.status_code == 201, answer.text
            return ended(own, answer.json()["items"][0]["id"])

    with ThreadPoolExecutor(20) as pool:
        made = list(pool.map(one, range(20)))
    assert {each["state"] for each in made} == {"done"}
    assert len({each["id"] for each in made}) == 20
    assert len({str(each["scores"]) for each in made}) == 1
    for each in made[1:]:
        assert client.delete(f"/api/v1/studies/{each['id']}").status_code == 204
    left = client.get("/api/v1/studies", params={"q": "film-"}).json()
    assert left["total"] == 1


def test_a_restart_takes_up_what_was_running(tmp_path, film):
    from hilum.worklist import Database, Study

    with serving(tmp_path, works=False) as served, closing(served.client()) as client:
        made = client.post("/api/v1/studies", files={"files": ("a.png", film)}).json()["items"][0]
    database = Database(f"sqlite:///{tmp_path / 'worklist.sqlite'}")
    with database.writing() as session:
        row = session.get_one(Study, made["id"])
        row.state, row.stage, row.progress = "running", "lungs", 0.4
    database.close()
    with serving(tmp_path) as served, closing(served.client()) as client:
        assert ended(client, made["id"])["state"] == "done"


def test_a_study_that_is_deleted_in_work_is_gone(client, served, film):
    made = client.post("/api/v1/studies", files={"files": ("gone.png", film)}).json()["items"][0]
    assert client.delete(f"/api/v1/studies/{made['id']}").status_code == 204
    other = client.post("/api/v1/studies", files={"files": ("next.png", film)}).json()["items"][0]
    assert ended(client, other["id"])["state"] == "done"
    assert not served.app.state.store.path(made["id"]).exists()


def test_a_defect_in_one_study_is_that_studys(tmp_path, film, monkeypatch):
    from hilum.web import jobs

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("something with /secret/paths in it")

    monkeypatch.setattr(jobs, "analyse", broken)
    with serving(tmp_path) as served, closing(served.client()) as client:
        made = client.post("/api/v1/studies", files={"files": ("a.png", film)}).json()["items"][0]
        study = ended(client, made["id"])
        assert (study["state"], study["code"]) == ("failed", "internal-error")
        assert "secret" not in study["message"]
        assert client.post(f"/api/v1/studies/{made['id']}/retry").status_code == 200
