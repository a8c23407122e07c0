"""The OpenAPI document says what the entrance by HTTP does: Schemathesis finds no difference, no problem is left out.

Exceptions from what Schemathesis looks for stand in schemathesis.toml, each with its reason.
"""

import ast
import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

import contracts.refusals
from deploy.local import Network
from deploy.local.state import ROOT
from hub.gateway.http import openapi
from hub.gateway.http.protocol_errors import PROTOCOL_ERRORS

HTTP = ROOT / "hub" / "gateway" / "http"
CONFIG = Path(__file__).with_name("schemathesis.toml")
# A few kinds of message stand for all: tests/contracts hold each schema, and generating all of them takes minutes.
TRIED = ("consent.withdrawn.v1", "referral.accepted.v1")
# What AMQP alone refuses with.
ONLY_AMQP = {"properties_unreadable", "user_id_missing"}
# Of what is at no route: an unknown path, a method that a route has not.
NO_ROUTE = {(404, "not_found"), (405, "method_not_allowed")}


def document() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(openapi.FILE.read_text())
    return read


def said(document: dict[str, Any]) -> set[tuple[int, str]]:
    """Every problem in a document: its status and code."""
    return {
        (int(status), code)
        for path in document["paths"].values()
        for operation in path.values()
        for status, answer in operation["responses"].items()
        if "application/problem+json" in answer["content"]
        for code in answer["content"]["application/problem+json"]["schema"]["allOf"][1]["properties"]["code"]["enum"]
    }


def raised(source: str) -> Iterator[tuple[int, str]]:
    """The problems that a module makes, where it names status and code; both of `a if … else b`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Problem":
            status, code = node.args[:2] if len(node.args) > 1 else (None, None)
            codes = [code.body, code.orelse] if isinstance(code, ast.IfExp) else [code]
            for one in codes:
                if isinstance(status, ast.Constant) and isinstance(one, ast.Constant):
                    yield int(str(status.value)), str(one.value)


def test_the_published_document_is_what_the_code_says() -> None:
    assert [str(path) for path in openapi.stale()] == [], "run ./ruta generate"


def test_a_document_that_is_out_of_date_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planted = tmp_path / "openapi.json"
    planted.write_text(openapi.FILE.read_text().replace("idempotency_in_progress", "idempotency_going_on"))
    monkeypatch.setattr(openapi, "FILE", planted)
    assert openapi.stale() == {planted: (ROOT / "docs" / "openapi.json").read_text()}


def test_every_problem_that_the_code_raises_is_in_the_document() -> None:
    made = {one for file in HTTP.glob("*.py") for one in raised(file.read_text())}
    made |= {(one.status, one.code) for one in PROTOCOL_ERRORS}
    assert len(made) > 40
    assert sorted(made - said(document()) - NO_ROUTE) == []


def test_a_problem_that_is_not_in_the_document_would_be_noticed() -> None:
    assert set(raised('raise Problem(418, "teapot" if pot else "cup", "x")')) == {(418, "teapot"), (418, "cup")}


def test_every_code_of_reading_of_admission_and_of_http_is_in_the_document() -> None:
    written = {code for chapter in ("reading", "admission", "http") for code, _ in contracts.refusals.written(chapter)}
    assert sorted(written - {code for _, code in said(document()) | NO_ROUTE} - ONLY_AMQP) == []


def test_every_reference_of_the_document_leads_somewhere() -> None:
    whole = document()
    references = set(re.findall(r'"#/([^"]+)"', openapi.FILE.read_text()))
    assert len(references) > 10
    for reference in references:
        part: Any = whole
        for name in reference.split("/"):
            part = part[name]
        assert part


Try = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def schemathesis(network: Network, tmp_path: Path) -> Try:
    """Run Schemathesis, as partners can, with a document against the running network."""
    credentials = json.loads((network.stack.state.organisations / "fuvadis" / "credentials.json").read_text())

    def run(document: dict[str, Any], *words: str) -> subprocess.CompletedProcess[str]:
        file = tmp_path / "openapi.json"
        file.write_text(json.dumps(document))
        return subprocess.run(
            [
                sys.executable, "-P", "-c", "from schemathesis.cli import schemathesis; schemathesis()",
                "--config-file", str(CONFIG), "run", str(file), "--url", credentials["http_url"], "--no-color",
                "--header", f"Authorization: Bearer {credentials['api_key']}", "--header", "Accept: application/json",
                *words,
            ],
            cwd=tmp_path, capture_output=True, text=True, timeout=600,
        )  # fmt: skip

    return run


@pytest.fixture
def tried() -> dict[str, Any]:
    """The document, with a few kinds of message in place of all."""
    whole = document()
    schemas = whole["components"]["schemas"]
    schemas["Message"] = {"oneOf": [{"$ref": f"#/components/schemas/{one}"} for one in TRIED]}
    return whole


def test_the_document_is_answered_to_whoever_asks(network: Network) -> None:
    with urllib.request.urlopen(f"{network.stack.http_url}{openapi.PATH}", timeout=60) as answer:  # noqa: S310 - of the suite itself
        assert json.load(answer) == document()


def test_schemathesis_finds_nothing(schemathesis: Try, tried: dict[str, Any]) -> None:
    done = schemathesis(tried)
    assert done.returncode == 0, done.stdout[-20000:] + done.stderr[-2000:]
    assert re.search(r"[1-9]\d* generated", done.stdout), done.stdout


def test_schemathesis_finds_a_status_that_the_document_does_not_have(schemathesis: Try, tried: dict[str, Any]) -> None:
    planted = deepcopy(tried)
    del planted["paths"]["/v1/messages/{id}"]["get"]["responses"]["404"]
    done = schemathesis(planted, "--include-path", "/v1/messages/{id}")
    assert done.returncode == 1
    assert "Undocumented status code" in done.stdout
