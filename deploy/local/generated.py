"""What the documents say of the code and is made from it: tables between two comments, written by `./ruta generate`.

A table that is copied by hand is wrong after the next change. What a service consumes are its handlers, in the words of
their docstrings; what it publishes are the contracts that its messages make; deadlines are those of the rules; what
refusals mean are the words of contracts/refusals.toml.
"""

import importlib
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import Final

import contracts.refusals
from contracts.codes import Urgency
from contracts.deadlines import LENGTHS, PURGE_WITHIN
from deploy.local import guide
from deploy.local.state import ROOT
from hub.monitor.alerts import pages, prometheus
from messaging import surface

_BLOCK: Final = re.compile(r"(<!-- generated: ([a-z ]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_DEADLINES: Final[Mapping[guide.Language, Mapping[str, str]]] = {
    "en": {
        "head": "| while it is | emergency | urgent | normal | when so much of that is over |",
        "purge": "any, with a purge receipt owed",
        "days": "days",
        "0.5": "half",
        "0.75": "three quarters",
        "0.9": "nine tenths",
        "1.0": "the end",
    },
    "es": {
        "head": "| mientras está en | emergency | urgent | normal | cuando pasa esa parte del plazo |",
        "purge": "cualquiera, si falta el recibo de borrado",
        "days": "días",
        "0.5": "la mitad",
        "0.75": "tres cuartos",
        "0.9": "nueve décimos",
        "1.0": "todo",
        "remind": "se recuerda",
        "escalate": "se avisa a coordinación",
        "suggest": "se sugiere a otros",
        "expire": "vence",
        "close": "se cierra",
    },
}
_CHAPTERS: Final = ("reading", "admission", "http", "service", "parked")
"""Whose refusals stand in the contracts' README: those that no service has for itself."""


def stale(root: Path = ROOT) -> dict[Path, str]:
    """Return the documents that do not say what the code does, each with the text that it should have."""
    found = {}
    for path in _documents(root):
        text = path.read_text(encoding="utf-8")
        right = _BLOCK.sub(lambda block, path=path: block[1] + _text(path, block[2]) + block[3], text)  # type: ignore[misc]
        if right != text:
            found[path] = right
    for name, made in (("rules.yml", prometheus.rules), ("alertmanager.yml", prometheus.alertmanager)):
        path = root / "deploy" / "monitoring" / name
        if path.is_file() and path.read_text(encoding="utf-8") != (right := made()):
            found[path] = right
    return found


def _documents(root: Path) -> list[Path]:
    return sorted({*root.glob("*.md"), *root.glob("docs/*.md"), *root.glob("*/*.md"), *root.glob("*/*/README.md")})


def _text(path: Path, name: str) -> str:
    tables: Mapping[str, Callable[[Path], Iterator[str]]] = {
        "consumes": lambda path: consumes(_package(path)),
        "publishes": lambda path: publishes(_package(path)),
        "deadlines": lambda _: deadlines(),
        "deadlines in spanish": lambda _: deadlines("es"),
        "limits of amqp": lambda _: guide.limits_of_amqp("en"),
        "limits of amqp in spanish": lambda _: guide.limits_of_amqp("es"),
        "limits of http": lambda _: guide.limits_of_http("en"),
        "limits of http in spanish": lambda _: guide.limits_of_http("es"),
        "alerts": lambda _: pages.table(),
        "problem": lambda _: guide.problem("en"),
        "problem in spanish": lambda _: guide.problem("es"),
        "refusals": lambda path: refusals(path.parent.name),
        **{f"refusals of {one}": lambda _, one=one: refusals(one) for one in _CHAPTERS},  # type: ignore[misc]
    }
    return "\n".join([*tables[name](path), ""])


def _package(readme: Path) -> str:
    """The package of a service's README."""
    return ".".join(readme.parent.parts[-2:])


def consumes(package: str) -> Iterator[str]:
    """Yield the table of a service's handlers, in the order of its code."""
    yield "| message | |"
    yield "|---|---|"
    module = importlib.import_module(f"{package}.service")
    (service,) = (one for _, one in inspect.getmembers(module, inspect.isclass) if one.__module__ == module.__name__)
    for method in vars(service).values():
        if hasattr(method, "handles"):
            name = contracts.contract_of(method.handles).name
            said = (inspect.getdoc(method) or "").partition("\n\n")[0]
            yield f"| `{name}` | {' '.join(said.split())} |"


def publishes(package: str) -> Iterator[str]:
    """Yield the table of what a service says, by who receives it."""
    yield "| to | messages |"
    yield "|---|---|"
    newest = {one.name: one for one in sorted(contracts.CONTRACTS.values(), key=lambda one: one.version)}
    said = sorted((newest[name] for name in surface.says(package)), key=lambda one: (one.received_by, one.name))
    for receiver, to_it in groupby(said, key=lambda one: one.received_by):
        names = " ".join(f"`{one.name}`" for one in to_it)
        yield f"| {receiver} | {names} |"


def refusals(chapter: str) -> Iterator[str]:
    """Yield the table of the codes that a service, or another chapter of the refusals' words, refuses with."""
    yield "| code | |"
    yield "|---|---|"
    for code, said in contracts.refusals.written(chapter):
        yield f"| `{code}` | {said} |"


def deadlines(language: guide.Language = "en") -> Iterator[str]:
    """Yield the table of a referral's deadlines."""
    rules = importlib.import_module("services.referrals.rules.deadlines")
    words = _DEADLINES[language]
    yield words["head"]
    yield "|---|---|---|---|---|"
    for state, stages in rules.STAGES.items():
        lengths = [_length(LENGTHS[state][urgency], words) for urgency in Urgency]
        yield f"| {state} | {' | '.join(lengths)} | {_stages(stages, words)} |"
    purge = _length(PURGE_WITHIN, words)
    yield f"| {words['purge']} | {purge} | {purge} | {purge} | {_stages(rules.PURGE_STAGES, words)} |"


def _stages(stages: tuple[tuple[float, str], ...], words: Mapping[str, str]) -> str:
    return ", ".join(f"{words[str(part)]}: {words.get(action, action)}" for part, action in stages)


def _length(length: timedelta, words: Mapping[str, str]) -> str:
    hours = length // timedelta(hours=1)
    return f"{hours // 24} {words['days']}" if hours % 24 == 0 and hours > 72 else f"{hours} h"
