"""What stands before every request: host, origin, CSRF, sizes, headers."""

from __future__ import annotations

import socket

import httpx
import pytest
from starlette.datastructures import Headers

from hilum.web.routes import pages
from hilum.web.security import HEADERS, host_allowed, same_origin, token_in

from .serving import Served, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serving(
        tmp_path_factory.mktemp("reader"), works=False, upload_gb=0.002, allowed_hosts=("reader.example",)
    ) as made:
        yield made


@pytest.fixture
def client(served):
    with served.client() as made:
        yield made


def raw(served: Served, text: bytes) -> bytes:
    """What the service answers to bytes that no library would send."""
    host, port = served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=600) as connection:
        connection.sendall(text)
        answer = part = connection.recv(65536)
        while part and not answer.rstrip().endswith(b"}"):
            part = connection.recv(65536)
            answer += part
        return answer


NEW_USER = {"name": "bob", "password": "correct horse battery", "role": "reader"}


def test_without_users_whoever_is_at_the_machine_is_the_local_admin(client) -> None:
    said = client.get("/api/v1/me").json()
    assert (said["name"], said["role"], said["login_required"]) == ("local", "admin", False)
    answer = client.post("/api/v1/login", json={"name": "local", "password": ""})
    assert (answer.status_code, answer.json()["code"]) == (409, "no-login")


@pytest.mark.parametrize("token", [None, "", "wrong", "ÿ"])
def test_an_unsafe_request_needs_the_value_that_only_our_pages_can_read(served, token) -> None:
    with served.client(csrf=False) as client:
        headers = {} if token is None else {"X-Hilum-CSRF": token.encode("latin-1")}
        answer = client.post("/api/v1/users", json=NEW_USER, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf")
        assert client.get("/api/v1/users").json()["items"] == []


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "INVENTED"])
def test_every_unsafe_method_is_guarded_even_on_paths_that_are_not_there(served, method) -> None:
    with served.client(csrf=False) as client:
        assert client.request(method, "/api/v1/no-such-thing").json()["code"] == "csrf"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://[broken"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_page_of_another_site_may_not_change_anything(client, headers) -> None:
    answer = client.post("/api/v1/users", json=NEW_USER, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "other-origin")


def test_our_own_page_may(served, client) -> None:
    headers = {"Origin": served.url, "Sec-Fetch-Site": "same-origin"}
    answer = client.patch("/api/v1/users/nobody", json={}, headers=headers)
    assert answer.json()["code"] == "no-such-user"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8042", "127.0.0.1.evil.example", "", "[", "localhost."])
@pytest.mark.parametrize("path", ["/", "/api/v1/health", "/assets/x.js"])
def test_a_name_that_is_not_ours_is_not_answered(client, host, path) -> None:
    answer = client.get(path, headers={"Host": host})
    assert answer.status_code == 421
    assert "web.allowed_hosts" in answer.json()["message"]


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:80", "127.0.0.1", "10.1.2.3:8042", "[::1]:8042", "Reader.example"]
)
def test_names_that_are_ours_are_answered(client, host) -> None:
    assert client.get("/api/v1/health", headers={"Host": host}).status_code == 200


def test_hosts_and_origins_by_themselves() -> None:
    assert host_allowed("reader.example:1", {"reader.example"})
    assert not host_allowed("reader.example.evil", {"reader.example"})
    assert not host_allowed("user@reader.example@evil", {"reader.example"})
    assert same_origin(Headers({"host": "a:1", "origin": "http://a:1"}))
    assert same_origin(Headers({"host": "a:1"}))
    assert not same_origin(Headers({"host": "a:1", "origin": "http://a"}))


def test_a_body_that_is_too_large_is_refused_before_it_is_read(served, client) -> None:
    csrf = client.headers["X-Hilum-CSRF"]
    for path, said in (("/api/v1/users", b"1 MB"), ("/api/v1/studies", b"2 MB")):
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nX-Hilum-CSRF: {csrf}\r\nContent-Length: 2000000000\r\n\r\n"
        answer = raw(served, head.encode())
        assert b" 413 " in answer.splitlines()[0]
        assert said in answer


def test_a_body_that_says_nothing_of_its_size_is_counted(client) -> None:
    def much():
        yield from (b" " * 100_000 for _ in range(30))

    answer = client.post("/api/v1/users", content=much(), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")


def test_a_length_that_is_no_number_is_refused_and_the_service_lives(served, client) -> None:
    for length in (b"-1", b"1e3", b"9" * 400, "²".encode()):
        answer = raw(
            served, b"POST /api/v1/users HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + length + b"\r\n\r\n"
        )
        assert answer == b"" or answer.split()[1] in {b"400", b"413"}
    assert client.get("/api/v1/health").json()["status"] == "ok"


@pytest.mark.parametrize(
    "path", ["/", "/api/v1/me", "/api/v1/no-such-thing", "/assets/none.js", "/openapi.json", "/%00"]
)
def test_every_answer_has_the_headers_that_keep_a_browser_in_bounds(client, path) -> None:
    headers = client.get(path).headers
    for name in HEADERS:
        assert name in headers, name
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self' 'wasm-unsafe-eval';")
    assert "unsafe-inline" not in policy
    assert "server" not in headers


def test_refusals_have_the_headers_too(client) -> None:
    assert "Content-Security-Policy" in client.get("/", headers={"Host": "evil.example"}).headers
    assert (
        client.post("/api/v1/users", json={}, headers={"Origin": "null"}).headers["X-Content-Type-Options"] == "nosniff"
    )


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../app.py",
        "/assets/..%2fapp.py",
        "/assets/%2e%2e/app.py",
        "/assets//etc/passwd",
        "/assets/%2fetc%2fpasswd",
    ],
)
def test_no_path_leads_out_of_the_assets(served, path) -> None:
    answer = raw(served, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert answer.split()[1] == b"404"


def test_a_header_cannot_be_smuggled_into_an_answer(client) -> None:
    answer = client.get("/compare?study=%0d%0aSet-Cookie:%20evil=1")
    assert "set-cookie" not in answer.headers
    assert answer.headers["Link"].startswith("</api/v1/compare?study=%0d%0aSet-Cookie")


@pytest.mark.parametrize(
    ("page", "twin"),
    [
        ("/", "/api/v1/studies"),
        ("/login", "/api/v1/me"),
        ("/users", "/api/v1/users"),
        ("/audit?page=2", "/api/v1/audit?page=2"),
        (f"/studies/{'0' * 32}", f"/api/v1/studies/{'0' * 32}"),
    ],
)
def test_every_page_names_its_twin_in_json(client, page, twin) -> None:
    answer = client.get(page)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.headers["Link"] == f'<{twin}>; rel="alternate"; type="application/json"'


def test_a_page_of_no_study_is_not_there(client) -> None:
    assert client.get("/studies/none").status_code == 422
    assert client.get("/nothing").json() == {"code": "not-found", "message": "Not Found."}


def test_an_invalid_request_is_not_repeated_to_the_sender(client) -> None:
    answer = client.post("/api/v1/users", json={"name": "x", "password": ["secret"]})
    assert answer.status_code == 422
    assert answer.json() == {"code": "invalid", "message": "password: Input should be a valid string."}


def test_a_defect_is_told_without_its_insides(served, monkeypatch, caplog) -> None:
    def broken(*_, **__):
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr(served.app.state.database, "reading", broken)
    answer = httpx.get(f"{served.url}/api/v1/health", trust_env=False, timeout=600)
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal-error"
    assert "secret" not in answer.text
    assert "a secret of the inside" in caplog.text


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A service with a page of two files."""
    static = tmp_path_factory.mktemp("static")
    (static / "assets").mkdir()
    (static / "index.html").write_text("<title>Reader</title>", encoding="utf-8")
    (static / "assets" / "x-1a2b.js").write_text("1", encoding="utf-8")
    (static / "secret.txt").write_text("not to be served", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "STATIC", static)
        with serving(tmp_path_factory.mktemp("reader"), works=False) as made:
            yield made


def test_the_page_is_asked_for_anew_and_its_files_are_kept(built) -> None:
    with built.client() as client:
        page, script = client.get("/"), client.get("/assets/x-1a2b.js")
        assert (page.text, page.headers["Cache-Control"]) == ("<title>Reader</title>", "no-cache")
        assert script.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert script.headers["Content-Type"].startswith("text/javascript")
        for path in ("/secret.txt", "/assets/../secret.txt", "/assets/%2e%2e/secret.txt"):
            assert client.get(path).status_code == 404


def test_an_installation_without_the_page_says_how_to_build_it(client, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(pages, "STATIC", tmp_path)
    answer = client.get("/")
    assert answer.status_code == 200
    assert "make frontend" in answer.text


def test_cookies_that_cannot_be_read_are_none() -> None:
    assert token_in(Headers({"cookie": "hilum_session=abc; other=1"})) == "abc"
    for broken in ("", "=;;=", 'a b"c=\\', "hilum_session", "x" * 5000):
        assert token_in(Headers({"cookie": broken})) == ""
