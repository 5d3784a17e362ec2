"""Every operation of the API with whatever its schema allows, and what it does not: never a server error."""

from __future__ import annotations

from contextlib import closing

import pytest

from hilum.worklist import Study, Version

from .serving import serving

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed (extra 'dev')")

OPERATIONS = 25
"""At least so many there are; fewer would mean that the description of the API is not whole."""

CASES = 6
"""Tried of each operation."""

PATIENCE = 600
"""Seconds for an answer; a machine may be busy."""

KNOWN = "0123456789abcdef" * 2


def attempt_all(operation, token: str) -> set[int]:
    """Statuses that requests to an operation get; half of them are about a study that is there."""
    from hypothesis import HealthCheck, Phase, given, settings

    name = f"{operation.method.upper()} {operation.path}"
    codes: list[int] = []

    @given(case=operation.as_strategy())
    @settings(
        max_examples=CASES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def attempt(case) -> None:
        if len(codes) % 2 == 0 and "study_id" in (case.path_parameters or {}):
            case.path_parameters |= {"study_id": KNOWN} | ({"number": 0} if "number" in case.path_parameters else {})
        answer = case.call(headers={"X-Hilum-CSRF": token})
        codes.append(answer.status_code)
        assert answer.status_code < 500, f"{name}: {answer.status_code} {answer.text[:300]}"
        if answer.status_code >= 400:
            assert answer.json()["message"]

    attempt()
    return set(codes)


@pytest.mark.slow
def test_no_request_brings_a_server_error(database_url, tmp_path):
    tried: dict[str, set[int]] = {}
    with serving(tmp_path, works=False, database=database_url) as served, closing(served.client()) as client:
        with served.app.state.database.writing() as session:
            session.add(Study(id=KNOWN, name="film", state="done", latest_version=0, scores={"six-zone": 2.0}))
            session.flush()
            session.add(Version(study_id=KNOWN, number=0, author="hilum", scores={"six-zone": 2.0}))
        schema = schemathesis.openapi.from_url(f"{served.url}/openapi.json", timeout=PATIENCE)
        schema.config.request_timeout = PATIENCE
        schema.config.generation.update(modes=list(schemathesis.GenerationMode))
        for found in schema.get_all_operations():
            operation = found.ok()
            tried[f"{operation.method} {operation.path}"] = attempt_all(operation, client.headers["X-Hilum-CSRF"])
        assert client.get("/api/v1/health").json()["status"] == "ok"
    assert len(tried) >= OPERATIONS
    assert {200, 404, 422} <= set().union(*tried.values())
