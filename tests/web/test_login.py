"""Users, roles, sessions, rates and the audit trail, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, update

from hilum.errors import SettingsError
from hilum.settings import Settings, WebSettings
from hilum.web import limits, users
from hilum.web.app import create_app
from hilum.web.serve import put_user
from hilum.web.users import is_loopback
from hilum.worklist import SessionRow, User
from hilum.worklist.models import now

from .serving import PASSWORD, Served, serving


@pytest.fixture(autouse=True, scope="module")
def quick_hashes():
    """Passwords whose hashes take no time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(users, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield


@contextmanager
def with_users(folder: Path, database: str = "") -> Iterator[Served]:
    """A service with an admin ``ann`` and a reader ``bob``."""
    settings = Settings(web=WebSettings(folder=str(folder), database=database))
    put_user(settings, "ann", PASSWORD, "admin")
    put_user(settings, "bob", PASSWORD, "reader")
    with serving(folder, works=False, database=database) as made:
        yield made


@pytest.fixture
def own(tmp_path, database_url):
    """A service of the test's own, on each database."""
    with with_users(tmp_path, database_url) as made:
        yield made


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A service for tests that change nothing in it."""
    with with_users(tmp_path_factory.mktemp("reader")) as made:
        yield made


def test_somebody_logs_in_works_and_logs_out(own) -> None:
    with own.client(csrf=False) as client:
        assert client.get("/api/v1/me").json() == {"name": "", "role": "", "login_required": True, "csrf": ""}
        assert client.get("/api/v1/users").status_code == 401
        answer = client.post("/api/v1/login", json={"name": "ann", "password": PASSWORD})
        cookie = answer.headers["Set-Cookie"]
        for part in ("hilum_session=", "HttpOnly", "SameSite=strict", "Path=/", "Max-Age=43200"):
            assert part in cookie
        assert client.post("/api/v1/logout").json()["code"] == "csrf"
        client.headers["X-Hilum-CSRF"] = answer.json()["csrf"]
        assert client.get("/api/v1/me").json() == answer.json()
        assert [each["name"] for each in client.get("/api/v1/users").json()["items"]] == ["ann", "bob"]
        stolen = dict(client.cookies)
        assert client.post("/api/v1/logout").status_code == 204
        assert client.get("/api/v1/users").status_code == 401
        client.cookies.update(stolen)
        assert client.get("/api/v1/users").status_code == 401


def test_every_path_but_three_needs_a_login(served) -> None:
    with served.client(csrf=False) as client:
        paths = client.get("/openapi.json").json()["paths"]
        assert len(paths) > 6
        for path, methods in paths.items():
            for method in methods:
                answer = client.request(method, path.replace("{", "").replace("}", ""))
                is_open = path in {"/api/v1/me", "/api/v1/login", "/api/v1/health"}
                assert (answer.status_code == 401) is not is_open, (method, path, answer.text)


def test_a_reader_may_not_do_what_admins_do(served) -> None:
    with served.logged_in("bob") as bob:
        for method, path in (("GET", "/users"), ("POST", "/users"), ("PATCH", "/users/ann"), ("GET", "/audit")):
            body = {"name": "eve", "password": PASSWORD} if method == "POST" else {}
            answer = bob.request(method, f"/api/v1{path}", json=body)
            assert (answer.status_code, answer.json()["code"]) == (403, "admins-only")


@pytest.mark.parametrize(
    ("name", "password"), [("ann", "wrong password"), ("nobody", PASSWORD), ("", ""), ("Ann", PASSWORD)]
)
def test_a_wrong_login_says_nothing_of_what_was_wrong(served, name, password) -> None:
    with served.client(csrf=False) as client:
        answer = client.post("/api/v1/login", json={"name": name, "password": password})
    assert answer.status_code == 401
    assert answer.json()["message"] == "The name or the password is wrong."
    assert "Set-Cookie" not in answer.headers


def test_a_login_ends_with_its_time_the_password_and_the_user(own) -> None:
    with own.logged_in("ann") as ann, own.logged_in("bob") as bob:
        ann.patch("/api/v1/users/bob", json={"password": "another long password"})
        assert bob.get("/api/v1/health").status_code == 200
        assert bob.get("/api/v1/studies").status_code == 401
        with own.logged_in("bob", "another long password") as again:
            assert ann.patch("/api/v1/users/bob", json={"disabled": True}).json()["disabled"] is True
            assert again.get("/api/v1/studies").status_code == 401
        with own.client(csrf=False) as client:
            answer = client.post("/api/v1/login", json={"name": "bob", "password": "another long password"})
            assert answer.status_code == 401
        with own.app.state.database.writing() as session:
            session.execute(update(SessionRow).values(expires=now() - timedelta(seconds=1)))
        assert ann.get("/api/v1/users").status_code == 401


def test_the_last_admin_stays(own) -> None:
    with own.logged_in("ann") as ann:
        for change in ({"role": "reader"}, {"disabled": True}):
            answer = ann.patch("/api/v1/users/ann", json=change)
            assert (answer.status_code, answer.json()["code"]) == (409, "last-admin")
        assert ann.patch("/api/v1/users/bob", json={"role": "admin"}).json()["role"] == "admin"
        assert ann.patch("/api/v1/users/ann", json={"role": "reader"}).json()["role"] == "reader"
        assert ann.get("/api/v1/users").status_code == 401


@pytest.mark.parametrize(
    ("user", "code"),
    [
        ({"name": "ann", "password": PASSWORD}, "name-taken"),
        ({"name": "eve", "password": "short"}, "weak-password"),
        ({"name": " eve", "password": PASSWORD}, "bad-name"),
        ({"name": "e\nve", "password": PASSWORD}, "bad-name"),
        ({"name": "e\0ve", "password": PASSWORD}, "bad-name"),
        ({"name": "eve", "password": PASSWORD, "role": "root"}, "invalid"),
        ({"name": "e" * 101, "password": PASSWORD}, "invalid"),
    ],
)
def test_users_that_cannot_be(served, user, code) -> None:
    with served.logged_in("ann") as ann:
        answer = ann.post("/api/v1/users", json=user)
        assert answer.json()["code"] == code
        assert answer.status_code in {409, 422}
        assert PASSWORD not in answer.text


def test_what_is_done_is_in_the_trail_without_passwords(own) -> None:
    with own.logged_in("ann") as ann:
        ann.post("/api/v1/users", json={"name": "eve", "password": "a password of eve"})
        with own.client(csrf=False) as client:
            client.post("/api/v1/login", json={"name": "eve", "password": "not the password"})
        trail = ann.get("/api/v1/audit?size=2").json()
        assert (trail["total"], trail["page"], len(trail["items"])) == (5, 1, 2)
        refused, added = trail["items"]
        assert (refused["action"], refused["user"], refused["address"]) == ("login.refused", "eve", "127.0.0.1")
        assert (added["action"], added["user"], added["detail"]) == (
            "user.add",
            "ann",
            {"name": "eve", "role": "reader"},
        )
        assert [each["user"] for each in ann.get("/api/v1/audit?page=2&size=3").json()["items"]] == ["command line"] * 2
        everything = ann.get("/api/v1/audit?size=500").text
        assert "password" not in everything
        assert ann.get(f"/api/v1/audit?study={'0' * 32}").json()["total"] == 0
        assert ann.get("/api/v1/audit?study=x").status_code == 422


def test_what_is_kept_gives_away_neither_password_nor_token(served) -> None:
    with served.logged_in("bob") as bob, served.app.state.database.reading() as session:
        token = bob.cookies["hilum_session"]
        rows = session.scalars(select(SessionRow)).all()
        assert rows
        assert token not in {row.token_hash for row in rows}
        hashes = session.scalars(select(User.password_hash)).all()
    assert all(each.startswith("$argon2id$") and PASSWORD not in each for each in hashes)
    assert len(set(hashes)) == 2


@pytest.mark.parametrize("name", ["a\0b", "a\ud800b"])
def test_names_that_no_database_takes(own, name) -> None:
    import json

    with own.client(csrf=False) as client:
        given = json.dumps({"name": name, "password": PASSWORD})
        answer = client.post("/api/v1/login", content=given, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


def test_over_tls_the_cookie_stays_there(served) -> None:
    with served.client(csrf=False) as client:
        given = {"name": "bob", "password": PASSWORD}
        plain = client.post("/api/v1/login", json=given, headers={"Origin": served.url})
        behind = {"Origin": "https://localhost", "Host": "localhost"}
        proxied = client.post("/api/v1/login", json=given, headers=behind)
    assert "Secure" not in plain.headers["Set-Cookie"]
    assert "Secure" in proxied.headers["Set-Cookie"]


def test_guessing_is_slowed_down(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(
        limits, "RATES", {**limits.RATES, "login-name": "3 per minute", "login-address": "5 per minute"}
    )
    settings = Settings(web=WebSettings(folder=str(tmp_path)))
    put_user(settings, "ann", PASSWORD, "admin")
    with serving(tmp_path, works=False) as served, served.client(csrf=False) as client:

        def attempt(name: str) -> int:
            return client.post("/api/v1/login", json={"name": name, "password": "wrong"}).status_code

        assert [attempt("ann") for _ in range(4)] == [401, 401, 401, 429]
        assert [attempt("bob"), attempt("eve")] == [401, 429]
        answer = client.post("/api/v1/login", json={"name": "ann", "password": PASSWORD})
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")


def test_at_any_other_address_nothing_starts_without_an_admin(tmp_path) -> None:
    for web in (WebSettings(host="0.0.0.0"), WebSettings(host="::"), WebSettings(login=True)):
        with pytest.raises(SettingsError, match="hilum serve --add-user NAME --role admin"):
            create_app(Settings(web=WebSettings(folder=str(tmp_path), host=web.host, login=web.login)))
    put_user(Settings(web=WebSettings(folder=str(tmp_path))), "bob", PASSWORD, "reader")
    with pytest.raises(SettingsError, match="no admin"):
        create_app(Settings(web=WebSettings(folder=str(tmp_path), host="0.0.0.0")))


@pytest.mark.parametrize(
    ("host", "is_local"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("10.0.0.1", False), ("localhost.evil.example", False), ("", False)],
)  # fmt: skip
def test_this_machines_own_addresses(host, is_local) -> None:
    assert is_loopback(host) is is_local
