"""The guide for partners says in Spanish what it says in English, and both say of HTTP what the code does."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import pytest

from contracts import refusals
from demo.sample.cast import SERVICES
from demo.sample.script import id_of
from deploy.local import generated
from deploy.local.state import ROOT
from hub.gateway.http import connection_limits, feed, limits
from messaging import topology

ENGLISH = (ROOT / "docs" / "partners.md").read_text(encoding="utf-8")
SPANISH = (ROOT / "docs" / "partners.es.md").read_text(encoding="utf-8")
NETWORK = topology.read()
NARROW = 41  # characters of a line that is typed: more has to be moved sideways on a telephone
# What stands for the same in each language, within what is typed.
SAME = {"Accept-Language: en": "Accept-Language: es"}


@dataclass(frozen=True)
class Page:
    """What has to be the same in both languages."""

    headings: list[int]
    """How deep each stands."""
    blocks: list[str]
    """What is typed and printed, without comments; what is generated is in each page's language."""
    links: list[str]
    """In their order; one to a heading of the page by the heading's place."""
    rows: list[int]
    """Of each table."""
    terms: set[str]
    """What stands in code within sentences: names, codes, paths."""


def read(text: str) -> Page:
    """Read a page."""
    headings = re.findall(r"^(#+) (.*)$", without_blocks(text), re.MULTILINE)
    places = {anchor(said): f"#{place}" for place, (_, said) in enumerate(headings)}
    links = re.findall(r"\]\(([^)\s]+)\)", without_blocks(text))
    tables = re.findall(r"(?:^\|.*\n)+", without_blocks(text), re.MULTILINE)
    return Page(
        [len(depth) for depth, _ in headings],
        [same(one) for one in re.findall(r"^```.*?^```$", without_generated(text), re.MULTILINE | re.DOTALL)],
        [places[link.removeprefix("#")] if link.startswith("#") else link for link in links],
        [len(table.splitlines()) for table in tables],
        {
            one
            for one in re.findall(r"`([^`\n]+)`", without_blocks(text))
            if re.fullmatch(r"[a-z]+([._][a-z_.0-9]+)+", one)
        },
    )


def without_generated(text: str) -> str:
    return re.sub(r"<!-- generated: .*?<!-- end -->", "", text, flags=re.DOTALL)


def without_blocks(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def same(block: str) -> str:
    """A block without its comments, as it is in English."""
    for english, spanish in SAME.items():
        block = block.replace(spanish, english)
    return re.sub(r"^(\./ruta [a-z]+) +#.*$", r"\1", block, flags=re.MULTILINE)


def anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-")


OTHER = {"partners.es.md": "partners.md"}  # each leads to the other


def in_english(links: list[str]) -> list[str]:
    return [OTHER.get(link, link) for link in links]


def test_the_page_in_spanish_says_what_the_english_one_says() -> None:
    english, spanish = read(ENGLISH), read(SPANISH)
    assert spanish.headings == english.headings
    assert spanish.blocks == english.blocks
    assert in_english(spanish.links) == in_english(english.links)
    assert spanish.rows == english.rows
    assert spanish.terms == english.terms


@pytest.mark.parametrize(
    ("what", "plant"),
    [
        ("headings", lambda page: page.replace("\n## Por AMQP\n", "\n### Por AMQP\n")),
        ("headings", lambda page: page.replace("\n## Tres mensajes\n", "\n")),
        ("blocks", lambda page: page.replace('"$url/v1/messages/$id"', '"$url/v1/messages"')),
        ("blocks", lambda page: page.replace("```json\n", "```\n", 1)),
        ("links", lambda page: page.replace("(#un-servicio-propio)", "(#límites-de-amqp)")),
        ("links", lambda page: page.replace("../services/events/README.md", "../services/intake/README.md")),
        ("rows", lambda page: re.sub(r"\| `wash` .*\n", "", page)),
        ("terms", lambda page: page.replace("`id_reused`", "`id_used`")),
    ],
)
def test_a_page_that_says_something_else_would_be_noticed(what: str, plant: Callable[[str], str]) -> None:
    planted = plant(SPANISH)
    assert planted != SPANISH
    assert getattr(read(planted), what) != getattr(read(SPANISH), what)


@pytest.mark.parametrize("page", [ENGLISH, SPANISH], ids=["English", "Spanish"])
def test_the_sample_offers_the_service_that_the_guide_refers_to(page: str) -> None:
    service = "redcross.salud"
    assert "health.consultation" in SERVICES[service].needs
    assert f"`redcross:{id_of(f'service {service}')}`" in page


def test_a_comment_is_in_each_pages_language_and_a_command_is_not() -> None:
    assert same("./ruta up   # a network of your own") == same("./ruta up   # una red solo suya")
    assert same("./ruta up   # a network") != same("./ruta down   # a network")


@pytest.mark.parametrize(
    ("module", "name", "other"),
    [
        (feed, "LONGEST_WAIT", 31),
        (feed, "MOST_BYTES", 1024),
        (limits, "Limits", partial(limits.Limits, rate=49)),
        (connection_limits, "Limits", partial(connection_limits.Limits, header_count=99)),
        (topology, "read", lambda: replace(NETWORK, connections=41)),
    ],
)
def test_a_limit_that_the_guide_does_not_say_would_be_noticed(
    monkeypatch: pytest.MonkeyPatch, module: object, name: str, other: object
) -> None:
    pages = {ROOT / "docs" / "partners.md", ROOT / "docs" / "partners.es.md"}
    assert not pages & generated.stale().keys()
    monkeypatch.setattr(module, name, other)
    assert pages <= generated.stale().keys()


def codes(page: str) -> set[str]:
    """The codes that a page says beside a status."""
    found = re.findall(r"\b[45]\d\d `([a-z_]+)`(?:, `([a-z_]+)`)?", page)
    return {code for several in found for code in several if code}


@pytest.mark.parametrize("page", [ENGLISH, SPANISH], ids=["en", "es"])
def test_every_code_beside_a_status_has_words(page: str) -> None:
    assert {"rate", "backlog", "id_reused", "too_large"} <= codes(page)
    known = refusals.spoken("gateway") | refusals.spoken()
    assert codes(page) <= known
    assert not codes(f"{page} 503 `a_code_that_nobody_says`") <= known


@pytest.mark.parametrize("page", [ENGLISH, SPANISH], ids=["en", "es"])
def test_what_is_typed_fits_on_a_telephone(page: str) -> None:
    assert too_wide(page) == []
    assert too_wide(page.replace(" \\\n", " ")) != []


def too_wide(page: str) -> list[str]:
    return [
        line
        for language, block in re.findall(r"^```([a-z]*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
        if language in ("", "bash")
        for line in block.splitlines()
        if len(line) > NARROW and not line.startswith("    redcross:")  # with the id of a service
    ]
