"""The reader from Python."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import nibabel
import numpy as np
import pytest

from hilum.errors import ReadError, ServiceError
from hilum.phantom import sample_film
from hilum.settings import Settings, WebSettings
from hilum.web.client import Reader, RemoteStudy
from hilum.web.serve import put_user
from hilum.writers import write

from .serving import PASSWORD, serving


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return write(sample_film(3, severity=0.6, shape=(173, 151)).image, tmp_path_factory.mktemp("film") / "film.png")


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("reader")) as served:
        yield Reader(served.url)


@pytest.fixture(scope="module")
def done(reader, film) -> RemoteStudy:
    (study,) = reader.upload(film, patient="P-1", date="2026-03-01", note="from Python")
    return reader.wait(study)


def test_a_film_is_uploaded_and_its_result_fetched(done, reader, tmp_path):
    assert (done.state, done.modality, done.latest_version) == ("done", "CXR", 0)
    assert reader.result(done)["scores"]["six-zone"]["value"] == pytest.approx(done.scores["six-zone"], abs=1e-4)
    paths = reader.download(done.id, tmp_path / "fetched")
    assert {"result.json", "report.html", "lungs.png"} <= {path.name for path in paths}
    assert json.loads((tmp_path / "fetched" / "result.json").read_bytes()) == reader.result(done)


def test_a_folder_goes_with_the_paths_in_it(reader, film, tmp_path):
    (tmp_path / "visit" / "deep").mkdir(parents=True)
    for name in ("one.png", "deep/two.png"):
        (tmp_path / "visit" / name).write_bytes(film.read_bytes())
    assert sorted(each.name for each in reader.upload(tmp_path / "visit")) == ["visit-deep-two", "visit-one"]


def test_corrected_masks_become_a_version(done, reader, tmp_path):
    lesions = np.zeros((151, 173, 1), dtype=np.uint8)
    image = tmp_path / "image.nii.gz"
    image.write_bytes(reader.image(done))
    shown = nibabel.load(image)
    nibabel.save(nibabel.Nifti1Image(lesions, shown.affine, shown.header), tmp_path / "lesions.nii.gz")
    number = reader.correct(done, lesions=tmp_path / "lesions.nii.gz", note="none to be seen")
    assert number == done.latest_version + 1
    assert reader.result(done)["scores"]["opacity-percent"]["value"] == 0
    assert reader.result(done, version=0)["scores"] != reader.result(done, version=number)["scores"]


def test_a_refused_study_says_why(reader, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("no film")
    study = reader.wait(reader.upload(path)[0])
    assert (study.state, study.code) == ("refused", "unsupported-format")
    with pytest.raises(ServiceError, match=r"has no results: Cannot read 'notes\.txt'"):
        reader.result(study)


def test_errors_are_sentences_with_a_code(reader, tmp_path):
    with pytest.raises(ServiceError, match="There is no study of that id") as caught:
        reader.study("f" * 32)
    assert (caught.value.code, caught.value.status) == ("no-such-study", 404)
    with pytest.raises(ReadError, match="no file or folder"):
        reader.upload(tmp_path / "nothing")
    with pytest.raises(ServiceError, match=r"does not answer .* Is 'hilum serve' running"):
        Reader("http://127.0.0.1:9")
    with pytest.raises(ServiceError, match="no address of a reader"):
        Reader("file:///etc/passwd")


@contextmanager
def answering(bodies: dict[str, bytes], *, missing: int = 0) -> Iterator[str]:
    """A service that answers with a body by the end of the path, and says that it is ``missing`` bytes longer."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = next(body for end, body in bodies.items() if self.path.endswith(end))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body) + (0 if self.path.endswith("/me") else missing)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_what_does_not_come_whole_is_an_error_and_no_file(tmp_path):
    listed = b'{"files": [{"name": "report.html", "url": "/api/v1/report.html", "version": 0}]}'
    me = b'{"name": "local", "csrf": ""}'
    with answering({"/me": me, "/aa": listed, "report.html": b"<html>"}) as url:
        (whole,) = Reader(url).download("aa", tmp_path / "whole", version=0)
        assert whole.read_bytes() == b"<html>"
    with answering({"/me": me, "report.html": b"<html>", "image.nii.gz": b"half"}, missing=90) as url:
        reader = Reader(url)
        with pytest.raises(ServiceError, match=r"does not answer .*90 more expected") as caught:
            reader._fetch("/report.html", tmp_path / "cut" / "report.html")
        assert caught.value.code == "unreachable"
        with pytest.raises(ServiceError, match="does not answer"):
            reader.image("aa")
    assert not list((tmp_path / "cut").iterdir())


@pytest.mark.parametrize("body", [b"<html>a page", b"null", b'{"status": "ok"}', b""])
def test_what_is_no_reader_is_told_so(body):
    with answering({"": body}) as url, pytest.raises(ServiceError, match=f"What answers at {url} is no reader"):
        Reader(url)


def test_users_log_in(tmp_path):
    put_user(Settings(web=WebSettings(folder=str(tmp_path))), "ann", PASSWORD, "admin")
    with serving(tmp_path, works=False) as served:
        assert Reader(served.url, name="ann", password=PASSWORD).upload(__file__)
        with pytest.raises(ServiceError, match="asks for a login"):
            Reader(served.url)
        with pytest.raises(ServiceError, match="name or the password is wrong"):
            Reader(served.url, name="ann", password="not the password")


def test_nothing_of_the_extra_is_needed():
    asked = "import sys, hilum.web.client; sys.exit(bool({'fastapi', 'sqlalchemy', 'httpx'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0
