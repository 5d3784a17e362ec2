"""Studies through the API, on a running service with the networks of the package: from upload to sign-off."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import nibabel
import numpy as np
import pytest

from hilum.phantom import Lesion, default_grid, sample_film, thorax, write_dicom, write_series
from hilum.settings import Settings, WebSettings
from hilum.web.serve import put_user
from hilum.writers import write

from .serving import PASSWORD, Served, ended, serving


@pytest.fixture(scope="session")
def film(tmp_path_factory) -> bytes:
    path = write(sample_film(3, severity=0.6, shape=(173, 151)).image, tmp_path_factory.mktemp("film") / "film.png")
    return path.read_bytes()


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("reader")) as made:
        yield made


@pytest.fixture
def client(served) -> Iterator[httpx.Client]:
    with closing(served.client()) as made:
        yield made


def uploaded(client: httpx.Client, *files: tuple[str, bytes], **fields: str) -> list[dict]:
    answer = client.post("/api/v1/studies", files=[("files", each) for each in files], data=fields)
    assert answer.status_code == 201, answer.text
    return answer.json()["items"]


@pytest.fixture(scope="module")
def done(served, film) -> dict:
    with closing(served.client()) as client:
        (study,) = uploaded(client, ("films/film.png", film), patient="somebody", date="2026-03-01", note="first")
        return ended(client, study["id"])


def array_at(client: httpx.Client, url: str) -> tuple[np.ndarray, nibabel.Nifti1Image]:
    image = nibabel.Nifti1Image.from_bytes(gzip.decompress(client.get(url).content))
    return np.asarray(image.dataobj), image


def drawn(array: np.ndarray, like: nibabel.Nifti1Image) -> bytes:
    return gzip.compress(nibabel.Nifti1Image(array, like.affine, like.header).to_bytes())


def layer(client: httpx.Client, study: str, name: str, version: int = 0) -> tuple[np.ndarray, nibabel.Nifti1Image]:
    layers = client.get(f"/api/v1/studies/{study}/versions/{version}/layers").json()
    return array_at(client, next(each["url"] for each in layers if each["name"] == name))


def test_an_uploaded_film_is_analysed(done, client):
    assert done["state"] == "done"
    assert (done["modality"], done["latest_version"], done["progress"]) == ("CXR", 0, 1.0)
    assert (done["patient"], done["date"], done["note"]) == ("somebody", "2026-03-01", "first")
    assert done["severity"] == pytest.approx(done["scores"]["six-zone"] / 6)
    assert done["image"]["shape"] == [173, 151]
    assert done["versions"][0]["author"] == "hilum"
    pixels, _ = array_at(client, done["image"]["url"])
    assert pixels.shape == (151, 173, 1)


def test_layers_are_those_of_the_files(done, client):
    layers = client.get(f"/api/v1/studies/{done['id']}/versions/0/layers").json()
    assert [each["name"] for each in layers[:3]] == ["lungs", "lesions", "zones"]
    assert {each["kind"] for each in layers[3:]} == {"probability"}
    lungs, _ = layer(client, done["id"], "lungs")
    assert set(np.unique(lungs)) == {0, 1, 2}


def test_a_version_tells_scores_with_their_meaning(done, client):
    version = client.get(f"/api/v1/studies/{done['id']}/versions/0").json()
    score = next(each for each in version["scores"] if each["id"] == "six-zone")
    assert score["range"] == [0, 6]
    assert score["definition"]
    assert score["value"] == done["scores"]["six-zone"]
    assert len(score["parts"]) >= 6


def test_files_are_kept_by_browsers_and_never_run(done, client):
    by_name = {each["name"]: each for each in done["files"]}
    report = client.get(by_name["report.html"]["url"])
    assert report.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert "immutable" in report.headers["cache-control"]
    again = client.get(by_name["report.html"]["url"], headers={"If-None-Match": report.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    result = client.get(by_name["result.json"]["url"].partition("?")[0])
    assert result.headers["cache-control"] == "private, no-cache"
    assert result.headers["content-disposition"] == 'attachment; filename="result.json"'
    assert len(result.content) == by_name["result.json"]["bytes"]


def test_all_files_come_as_one_zip(done, client):
    answer = client.get(f"/api/v1/studies/{done['id']}/versions/0/files.zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert {each.filename: each.file_size for each in archive.infolist()} == {
            each["name"]: each["bytes"] for each in done["files"]
        }


@pytest.mark.parametrize(
    "path",
    [
        "/versions/0/files/..%2f..%2fimage.nii.gz",
        "/versions/0/files/%2e%2e",
        "/versions/0/files/%2e%2e%2f%2e%2e%2fsalt",
        "/versions/0/files/layers",
        "/versions/0/files/result.json%00.png",
        "/versions/0/layers/..%2fresult.nii.gz",
        "/versions/-1/files/result.json",
        "/versions/9/layers",
        "/versions/99999999999999999999/layers",
    ],
)
def test_no_path_leads_out_of_a_version(done, client, path):
    answer = client.get(f"/api/v1/studies/{done['id']}{path}")
    assert answer.status_code in {404, 422}
    assert answer.json()["message"]


def test_a_thumbnail_is_small(done, client):
    from PIL import Image as Picture

    with Picture.open(io.BytesIO(client.get(done["urls"]["thumbnail"]).content)) as picture:
        assert 0 < max(picture.size) <= 240


def test_the_worklist_filters_searches_and_sorts(done, served, film):
    with closing(served.client()) as client:
        (bad,) = uploaded(client, ("no-film_100%.png", b"\x89PNG but not really"))
        assert ended(client, bad["id"])["state"] == "refused"

        def names(**asked: str) -> list[str]:
            return [each["name"] for each in client.get("/api/v1/studies", params=asked).json()["items"]]

        assert names(state="refused", q="no-film") == ["no-film_100"]
        assert names(q="0_1") == []  # an underscore is a letter here, not any
        assert names(patient="somebody", q="FIRST") == ["film"]
        assert names(sort="severity", order="desc")[0] == "film"
        assert names(sort="severity", order="asc")[0] == "film"
        assert names(sort="severity")[-1] != "film"
        page = client.get("/api/v1/studies", params={"size": 1, "page": 2}).json()
        assert (len(page["items"]), page["total"]) == (1, page["counts"]["done"] + page["counts"]["refused"])
        assert client.get("/api/v1/studies", params={"sort": "password"}).status_code == 422


def test_what_is_known_of_a_study_can_be_said(done, client):
    path = f"/api/v1/studies/{done['id']}"
    made = client.patch(path, json={"patient": "P-7", "date": None}).json()
    assert (made["patient"], made["date"], made["note"]) == ("P-7", None, "first")
    client.patch(path, json={"patient": "somebody", "date": "2026-03-01"})
    for wrong in ({"patient": "a\nb"}, {"patient": "x" * 101}, {"note": "\x00"}, {"state": "signed"}, {"date": "soon"}):
        assert client.patch(path, json=wrong).status_code == 422


def test_readers_scores_stand_beside_ours(done, client):
    path = f"/api/v1/studies/{done['id']}/reader-scores"
    for value in (2, 3):
        given = client.put(path, json={"score": "six-zone", "value": value, "version": 0, "comment": "by eye"})
        assert given.status_code == 201
    assert [each["value"] for each in client.get(path).json()] == [2, 3]
    for wrong in ({"value": 7}, {"score": "no-such"}, {"score": "mosmed"}):
        answer = client.put(path, json={"score": "six-zone", "value": 1, "version": 0} | wrong)
        assert answer.status_code == 422, answer.text
    assert client.put(path, json={"score": "six-zone", "value": 1, "version": 5}).status_code == 404
    not_a_number = client.put(
        path,
        content='{"score": "six-zone", "value": NaN, "version": 0}',
        headers={"Content-Type": "application/json"},
    )
    assert not_a_number.status_code == 422


def test_scores_are_defined(client):
    scores = {each["id"]: each for each in client.get("/api/v1/scores").json()}
    assert scores["brixia"]["range"] == [0, 18]
    assert scores["brixia"]["source"]


def test_two_studies_compare_oldest_first(done, client, film):
    (second,) = uploaded(client, ("second.png", film), date="2026-02-01")
    assert ended(client, second["id"])["state"] == "done"
    both = client.get("/api/v1/compare", params={"study": [done["id"], second["id"]]}).json()
    assert [each["id"] for each in both["studies"]] == [second["id"], done["id"]]
    whole = next(each for each in both["changes"] if (each["what"], each["region"]) == ("six-zone", "whole"))
    assert whole["title"] == "Six-zone score"
    assert (whole["change"], whole["verdict"]) == (0, "within error")
    for wrong in ([done["id"]], [done["id"], done["id"]], [done["id"], "f" * 32]):
        assert client.get("/api/v1/compare", params={"study": wrong}).status_code in {404, 422}
    assert client.delete(f"/api/v1/studies/{second['id']}").status_code == 204
    assert client.get(f"/api/v1/studies/{second['id']}").status_code == 404


def test_a_study_of_two_films_in_a_zip_is_two_studies(client, film, served):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a/film.png", film)
        archive.writestr("b/notes.txt", "not looked at")
        archive.writestr("b/film.png", film)
    made = uploaded(client, ("films.zip", packed.getvalue()))
    assert sorted(each["name"] for each in made) == ["a-film", "b-film"]
    for each in made:
        assert ended(client, each["id"])["state"] == "done"
        assert [path.name for path in served.app.state.store.upload(each["id"]).rglob("*.*")] == ["film.png"]


def test_a_film_in_dicom_gets_a_pseudonym_and_no_date(client, tmp_path):
    path = write_dicom(sample_film(3, shape=(173, 151)), tmp_path / "film.dcm")
    (made,) = uploaded(client, ("film.dcm", path.read_bytes()))
    again = uploaded(client, ("film.dcm", path.read_bytes()))[0]
    assert made["patient"].startswith("P-")
    assert again["patient"] == made["patient"]
    assert made["date"] is None


@pytest.fixture(scope="module")
def series(tmp_path_factory) -> list[Path]:
    lesion = Lesion("consolidation", "left-lower", 200, seed=5)
    source = thorax(5, grid=default_grid(5, spacing_mm=(8.0, 5.0, 5.0)), lesions=[lesion])
    return list(write_series(source, tmp_path_factory.mktemp("series")))


@pytest.mark.slow
def test_a_ct_series_is_one_study_in_a_folder_and_in_a_zip(client, served, series):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in series:
            archive.write(path, f"visit/series 1/{path.name}")
    folder = [(f"visit/{path.name}", path.read_bytes()) for path in series]
    (one,), (same,) = uploaded(client, *folder), uploaded(client, ("visit.zip", packed.getvalue()))
    for made in (one, same):
        assert len(list(served.app.state.store.upload(made["id"]).rglob("*.*"))) == len(series)
    client.delete(f"/api/v1/studies/{same['id']}")
    ct = ended(client, one["id"])
    assert (ct["state"], ct["modality"], ct["image"]["kind"]) == ("done", "CT", "volume")
    study = ct["id"]
    pixels, _ = array_at(client, ct["image"]["url"])
    assert list(pixels.shape[::-1]) == ct["image"]["shape"]
    lungs, like = layer(client, study, "lungs")
    assert lungs.shape == pixels.shape
    answer = client.post(
        f"/api/v1/studies/{study}/versions",
        data={"base": "0"},
        files={"lesions": ("lesions.nii.gz", drawn((lungs == 1).astype(np.uint8), like))},
    )
    assert answer.status_code == 201, answer.text
    measures = client.get(f"/api/v1/studies/{study}/versions/1").json()["measures"]
    whole = next(
        each
        for each in measures
        if (each["id"], each["region"], each["structure"]) == ("volume", "right", "ground-glass")
    )
    assert whole["value"] > 500
    assert whole["unit"] == "ml"


def test_masks_are_corrected_scored_again_and_signed(film, tmp_path, database_url):
    with serving(tmp_path / "reader", database=database_url) as served, closing(served.client()) as client:
        (made,) = uploaded(client, ("film.png", film))
        study, path = ended(client, made["id"]), f"/api/v1/studies/{made['id']}"
        array, like = layer(client, study["id"], "lesions")
        lungs, _ = layer(client, study["id"], "lungs")
        wider = np.where(lungs == 2, 2, array).astype(np.uint8)
        answer = client.post(
            f"{path}/versions", data={"base": "0", "note": "all"}, files={"lesions": ("l.nii.gz", drawn(wider, like))}
        )
        assert answer.status_code == 201, answer.text
        version = answer.json()
        assert (version["number"], version["parent"], version["author"], version["method"]) == (
            1,
            0,
            "local",
            "corrected",
        )
        assert version["scores"]["brixia"] is None
        assert version["scores"]["opacity-percent"] > study["scores"]["opacity-percent"]
        np.testing.assert_array_equal(layer(client, study["id"], "lesions", 1)[0], wider)
        np.testing.assert_array_equal(layer(client, study["id"], "lesions", 0)[0], array)
        now = client.get(path).json()
        assert now["scores"] == version["scores"]
        assert [each["number"] for each in now["versions"]] == [0, 1]

        assert client.post(f"{path}/sign-off", json={"version": 1, "comment": "seen"}).status_code == 201
        assert client.get(path).json()["sign_off"]["user"] == "local"
        assert client.post(f"{path}/sign-off", json={"version": 1}).status_code == 409
        refused = client.post(f"{path}/versions", data={"base": "1"}, files={"lungs": ("l.nii.gz", drawn(lungs, like))})
        assert (refused.status_code, refused.json()["code"]) == (409, "signed")
        assert client.delete(f"{path}/sign-off").status_code == 204
        assert client.delete(f"{path}/sign-off").status_code == 404
        assert client.get(path).json()["state"] == "done"
        actions = [each["action"] for each in client.get("/api/v1/audit").json()["items"]]
        assert actions[::-1] == ["study.upload", "version.add", "sign-off.add", "sign-off.revoke"]


def test_a_correction_that_is_none_is_refused_in_a_sentence(done, client):
    path = f"/api/v1/studies/{done['id']}/versions"
    lungs, like = layer(client, done["id"], "lungs")

    def refused(base: str, **files: tuple[str, bytes]) -> dict:
        answer = client.post(path, data={"base": base}, files=files or {"other": ("o", b"")})
        assert answer.status_code in {404, 422}, answer.text
        return answer.json()

    assert refused("0")["code"] == "no-masks"
    assert refused("x", lungs=("l.nii.gz", drawn(lungs, like)))["code"] == "no-base"
    assert refused("7", lungs=("l.nii.gz", drawn(lungs, like)))["code"] == "no-such-version"
    assert refused("0", lungs=("l.nii.gz", drawn(lungs[:-1], like)))["code"] == "grid-mismatch"
    strange = refused("0", lungs=("l.nii.gz", drawn(np.full_like(lungs, 3), like)))
    assert strange["message"].startswith("Cannot read 'l.nii.gz': it holds the numbers 3")
    assert refused("0", lungs=("l.nii.gz", b"\x1f\x8b damaged"))["message"]
    assert client.get(f"/api/v1/studies/{done['id']}").json()["latest_version"] == 0


def test_a_refused_study_can_be_tried_again_and_deleted(served, client):
    (made,) = uploaded(client, ("notes.txt", b"no film at all"))
    study = ended(client, made["id"])
    assert (study["state"], study["code"]) == ("refused", "unsupported-format")
    assert study["message"].startswith("Cannot read 'notes.txt': it is text")
    path = f"/api/v1/studies/{made['id']}"
    assert client.post(f"{path}/retry").json()["state"] == "queued"
    assert ended(client, made["id"])["state"] == "refused"
    assert client.post(f"{path}/sign-off", json={"version": 0}).status_code == 404
    assert client.delete(path).status_code == 204
    assert not served.app.state.store.path(made["id"]).exists()


def test_a_study_that_is_done_is_not_tried_again(done, client):
    assert client.post(f"/api/v1/studies/{done['id']}/retry").status_code == 409


def test_every_answer_has_its_place_in_the_documentation(served, client):
    spec = client.get("/openapi.json").json()
    assert "/api/v1/studies/{study_id}/versions/{number}/layers/{name}.nii.gz" in spec["paths"]
    assert "multipart/form-data" in json.dumps(spec["paths"]["/api/v1/studies"]["post"])


def test_others_studies_are_not_deleted_by_a_reader(tmp_path: Path):
    settings = Settings(web=WebSettings(folder=str(tmp_path)))
    for name, role in (("ann", "reader"), ("bob", "reader"), ("ada", "admin")):
        put_user(settings, name, PASSWORD, role)
    with serving(tmp_path, works=False) as served, ExitStack() as held:
        ann, bob, ada = (held.enter_context(closing(served.logged_in(name))) for name in ("ann", "bob", "ada"))
        first, second = (uploaded(ann, ("notes.txt", b"x"))[0] for _ in range(2))
        path = f"/api/v1/studies/{first['id']}"
        assert bob.delete(path).status_code == 403
        assert ann.delete(path).status_code == 204
        assert httpx.get(f"{served.url}{path}", trust_env=False, timeout=600).status_code == 401
        assert ada.delete(f"/api/v1/studies/{second['id']}").status_code == 204
