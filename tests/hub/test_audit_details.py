"""The details of acts in words: what each is, in both languages, for every one that the code records."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contracts import uuid7
from deploy.local.state import ROOT
from hub.gateway.audit import details

RECORDS = ("note", "_act", "record", "Act")
NOT_SHOWN = {"people", "request", "keyring"}


def _recorded(tree: ast.AST) -> Iterator[str]:
    """The names of details in calls that record something, and in what such calls are handed."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in RECORDS:
                yield from (one.arg for one in node.keywords if one.arg)
                for argument in node.args:
                    yield from _keys(argument)
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in ("details", "about", "who"):
            yield from _keys(node.value)


def _keys(node: ast.AST) -> Iterator[str]:
    for one in ast.walk(node):
        if isinstance(one, ast.Dict):
            yield from (key.value for key in one.keys if isinstance(key, ast.Constant) and isinstance(key.value, str))


def _files() -> Iterator[Path]:
    for folder in ("hub/console", "hub/monitor", "hub/gateway/audit", "deploy/local"):
        yield from (ROOT / folder).rglob("*.py")


def test_every_detail_that_the_code_records_has_words_in_both_languages() -> None:
    recorded = {name for file in _files() for name in _recorded(ast.parse(file.read_text()))}
    assert {"page", "count", "remaining", "first_message", "what"} <= recorded
    assert {one for one in recorded if one.islower()} - NOT_SHOWN - details.NAMES.keys() == set()
    for words in (details.NAMES, *details.VALUES.values()):
        assert [one for one, said in words.items() if set(said) != {"en", "es"} or not all(said.values())] == []


@pytest.mark.parametrize(
    ("recorded", "es", "en"),
    [
        ({"page": "state", "count": 1}, "página: Estado; cuántos: 1", "page: State; how many: 1"),
        ({"of": "retry", "messages": 50}, "de: otro intento; mensajes: 50", "of: another try; messages: 50"),
        ({"roles": ["auditor", "operations"]}, "papeles: auditoría, operación", "roles: audit, operations"),
        ({"services": {"intake": 3}}, "servicios: intake 3", "services: intake 3"),
        ({"asked": {"organisation": "iom"}}, "buscó: organización iom", "looked for: organisation iom"),
        ({"minute": "2026-11-28T15:04+00:00"}, "en el minuto: 2026-11-28 15:04", "in the minute: 2026-11-28 15:04"),
        ({"custody": True, "why": "password"}, "la guarda la red por ellos: sí; por: la contraseña",
         "kept by the hub for them: yes; because of: the password"),
        ({"reason": "organisation_asks 88"}, "motivo: una organización pregunta por él 88",
         "reason: an organisation asks about it 88"),
        ({"first_message": None, "changed": []}, "el primer mensaje: ninguno; qué cambió: ninguno",
         "the first message: none; what is otherwise: none"),
        ({"of_a_newer_version": "x"}, "of_a_newer_version: x", "of_a_newer_version: x"),
    ],
)  # fmt: skip
def test_details_are_said_in_words(recorded: dict[str, Any], es: str, en: str) -> None:
    for language, wanted in (("es", es), ("en", en)):
        said = details.in_words(recorded, language)  # type: ignore[arg-type]
        assert "; ".join(f"{name}: {value}" for name, value in said) == wanted


def test_an_id_stands_as_it_is() -> None:
    id = str(uuid7())
    assert details.in_words({"operation": id}, "es") == [("operación", id)]
