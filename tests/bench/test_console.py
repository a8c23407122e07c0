"""What `./ruta bench console` asks for, and sums up of its figures."""

import random
import subprocess
import sys
from uuid import UUID

from bench.console import looks, measured, people
from bench.console.measured import PARTS
from bench.console.people import People
from bench.console.world import World
from contracts.blocks import Document, PersonBlock
from contracts.codes import DocumentType
from deploy.local.state import ROOT
from hub.console.custody import searching
from hub.console.store.cases import After
from messaging import clock

KEY = b"k" * 32
WIDENED = """
from bench.console import serving
serving.widen()
from hub.console.web import case, redirecting, searching
for page in (case, redirecting, searching):
    for name in serving.OF:
        assert getattr(page, name, serving.WIDE) == serving.WIDE, name
"""


def test_of_each_kind_of_page_the_slowest_counts_and_of_first_visits_the_heaviest() -> None:
    slow = {
        "Hoy: a": 4.0, "list: a": 9.0, "Agenda: a": 2.0, "Buscar: a code": 3.0, "Caso: 200 steps": 7.0, "Absence": 99.0,
    }  # fmt: skip
    figures = {
        "referrals": 12,
        "pages": {name: {"p95_ms": said, "requests": 5} for name, said in slow.items()},
        "weight": {"Hoy: a": {"bytes": 2048, "sent": 1024}, "list: a": {"bytes": 1024, "sent": 512}},
    }
    assert measured.summary(figures) == {
        "lists": {"p95_ms": 9.0, "requests": 15},
        "search": {"p95_ms": 3.0, "requests": 5},
        "counts": {"p95_ms": 4.0, "requests": 5},
        "case": {"p95_ms": 7.0, "requests": 5},
        "first_visit_kb": 1.0,
        "rows": 12,
    }


def test_each_kind_of_page_is_asked_for_two_thousand_times() -> None:
    after = After(clock.now(), UUID(int=1))
    found = People("a", "b", "c", "d", "e", "f", "g", "h", "i")
    asked = looks.looks(World(UUID(int=2), UUID(int=3), ()), {"large": after, "coordinator": after}, found)
    often = measured.times_of([one.name for one in asked], measured.FULL)
    assert len(often) == len(asked)
    assert min(often.values()) >= 100
    for begins in PARTS.values():
        assert sum(many for name, many in often.items() if name.startswith(begins)) >= 2_000


def test_a_statement_that_reads_too_much_is_wrong() -> None:
    assert measured.is_right({"statements": {"too_much": []}})
    assert not measured.is_right({"statements": {"too_much": ["Hoy: 1,000,000 rows of referral by no index"]}})


def test_only_whoever_measures_searches_and_opens_without_end() -> None:
    subprocess.run([sys.executable, "-P", "-c", WIDENED], check=True, env={"PYTHONPATH": str(ROOT)}, timeout=60)


def test_made_up_people_are_found_by_what_custody_hashes() -> None:
    found = dict(people._found_by(7, 9, KEY, random.Random(1)))  # noqa: S311 - no secret
    given, family = people.ONLY
    person = PersonBlock(
        given_names=given, family_names=family, phone=people._telephone(7),
        documents=(Document(type=DocumentType.PT, number=people._document(7)),),
    )  # fmt: skip
    assert found[7] == searching.tokens(KEY, person)
    for typed in (people._telephone(8), people._document(8)):
        (term,) = searching.terms(KEY, typed)
        assert {number for number, tokens in found.items() if {*term.tokens} & {*tokens}} == {8}
