"""``hilum serve``."""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import sys
import urllib.request

import pytest
from click.testing import CliRunner

from hilum.cli.app import app

PASSWORD = "correct horse battery\n"


def run(*arguments: str, given: str | None = None):
    return CliRunner().invoke(app, ["serve", *arguments], input=given)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--host", "0.0.0.0", "--port", "0"], "there is no admin who could add users"),
        (["--port", "70000"], "There is no port 70000"),
        (["--host", "192.0.2.1"], "Cannot listen at 192.0.2.1:8470"),
        (["--tls-cert", "only.pem"], "TLS needs both web.tls_cert and web.tls_key"),
        (["--tls-cert", "no.pem", "--tls-key", "no.pem"], "Cannot use web.tls_cert 'no.pem'"),
        (["--database", "mysql://x"], "begins with sqlite: or postgresql:"),
    ],
)
def test_what_cannot_be_served(tmp_path, arguments, said) -> None:
    done = run("--folder", str(tmp_path), *arguments)
    assert done.exit_code == 1
    assert said in done.output
    assert "Traceback" not in done.output


def test_users_are_added_and_changed_with_a_password_from_standard_input(tmp_path) -> None:
    folder = ("--folder", str(tmp_path))
    assert "12 to 1000 characters; this one has 5" in run(*folder, "--add-user", "ann", given="short\n").output
    done = run(*folder, "--add-user", "ann", "--role", "admin", given=PASSWORD)
    assert (done.exit_code, done.output) == (0, "ann: added, admin.\n")
    assert run(*folder, "--add-user", "ann", given=PASSWORD).output == "ann: changed, reader.\n"
    assert run(*folder, "--add-user", "", given=PASSWORD).exit_code == 1


def test_without_the_extra_it_says_which(monkeypatch) -> None:
    monkeypatch.setattr("hilum.web.NEEDED", ("no_such_module",))
    done = run()
    assert done.exit_code == 1
    assert "hilum serve needs packages that are not installed" in done.output
    assert "hilum[web]" in done.output


@pytest.mark.slow
def test_a_process_serves_with_tls_until_it_is_stopped(tmp_path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("openssl makes no certificate here")
    arguments = ["serve", "--folder", str(tmp_path / "reader"), "--port", "0", "--tls-cert", str(certificate)]
    process = subprocess.Popen(
        [sys.executable, "-m", "hilum", *arguments, "--tls-key", str(key)],
        stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONWARNINGS": "error"},
    )  # fmt: skip
    try:
        assert process.stderr is not None
        address = process.stderr.readline().split()[4]
        assert address.startswith("https://127.0.0.1:")
        trusting = ssl.create_default_context(cafile=str(certificate))
        second = run("--folder", str(tmp_path / "reader"), "--port", "0")
        assert "Another reader works in the folder" in second.output
        with urllib.request.urlopen(f"{address}/api/v1/health", context=trusting, timeout=600) as answer:
            assert b'"status":"ok"' in answer.read()
        process.send_signal(signal.SIGTERM)
        assert process.wait(600) in {0, -signal.SIGTERM}
        assert "Traceback" not in process.stderr.read()
    finally:
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()
