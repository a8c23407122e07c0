"""The pages of alerts (pages.toml): what each means, what to do, what it hides, and its rule for Prometheus."""

import textwrap
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal

FILE: Final = Path(__file__).with_name("pages.toml")
EVERYTHING: Final = "everything"
Wait = Literal["never", "morning", "no_emergency"]

WAITS: Final[Mapping[Wait, str]] = {
    "never": "no",
    "morning": "yes",
    "no_emergency": "yes, unless an emergency waits for its answer",
}


@dataclass(frozen=True)
class Page:
    """What is said of an alert whenever and wherever it stands."""

    name: str
    title: str
    means: str
    first: str
    next: tuple[str, ...]
    wait: Wait
    after: int  # seconds for which it has been seen before anybody is told
    hides: frozenset[str]  # alerts that follow from it, wherever
    hides_same: frozenset[str]  # alerts that follow from it at the same part
    expr: str | None  # of a rule for Prometheus, with the names of thresholds in braces; None: as rules.py finds it


@cache
def read() -> Mapping[str, Page]:
    """Every page by its alert's name, causes first."""
    said = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {name: _page(name, one, frozenset(said) - {name}) for name, one in said.items()}


def _page(name: str, said: Mapping[str, object], others: frozenset[str]) -> Page:
    hides = said.get("hides", [])
    return Page(
        name=name,
        title=str(said["title"]),
        means=str(said["means"]),
        first=str(said["first"]),
        next=tuple(map(str, _list(said["next"]))),
        wait=said["wait"],  # type: ignore[arg-type]  # a test holds the file against the type
        after=int(str(said["after"])),
        hides=others if hides == EVERYTHING else frozenset(map(str, _list(hides))),
        hides_same=frozenset(map(str, _list(said.get("hides_same", [])))),
        expr=str(said["expr"]) if "expr" in said else None,
    )


def _list(said: object) -> list[object]:
    if not isinstance(said, list):
        raise TypeError("a list was expected")
    return said


def hidden_by(name: str) -> list[str]:
    """The alerts that hide one, wherever or at the same part."""
    return [page.name for page in read().values() if name in page.hides | page.hides_same]


def as_text(page: Page, width: int = 80) -> str:
    """A page for a terminal."""
    lines = [f"{page.name}: {page.title}", "", *textwrap.wrap(page.means, width), ""]
    lines += [f"Can it wait until seven?  {WAITS[page.wait]}", f"First command:  {page.first}", "Then:"]
    for step in page.next:
        lines += textwrap.wrap(step, width, initial_indent="  - ", subsequent_indent="    ", break_on_hyphens=False)
    if hiding := hidden_by(page.name):
        lines += ["", *textwrap.wrap(f"Not told while this is: {', '.join(hiding)}.", width)]
    return "\n".join(lines)


def table() -> Iterator[str]:
    """Yield the table of all alerts, for docs/operations.md."""
    yield "| alert | what it means | can it wait until seven | first command | is hidden by |"
    yield "|---|---|---|---|---|"
    for page in read().values():
        first = f"`{page.first}`" if page.first.startswith("./ruta") else page.first
        hiding = [f"`{one}`" for one in hidden_by(page.name) if one != "network_ended"]
        yield f"| `{page.name}` | {page.title}. {page.means} | {WAITS[page.wait]} | {first} | {' '.join(hiding)} |"
