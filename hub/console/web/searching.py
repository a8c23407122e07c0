"""Buscar: which case is this call about? What is typed is about people, and stands in no address.

What there is not, what is not for whoever asks, and what their organisation has nobody to look up for are answered with
the same words, after the same questions.

No form is answered with a page: one case that is found is gone to, and all else is kept for the session and
shown at an address of its own, which can be come back to.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from starlette.responses import Response

import contracts
from contracts.short_codes import LETTERS
from hub.console.custody.client import CustodyError
from hub.console.store import cases, sent
from hub.console.store.cases import Viewer
from hub.console.web import asking, showing
from hub.console.web.case import path_of
from hub.console.web.errors import Stopped
from hub.console.web.pace import OF_A_PERSON, OF_AN_ORGANISATION, Paces
from hub.console.web.screen import Screen
from hub.console.web.settings import Settings
from hub.console.web.visit import Visit
from hub.console.web.words import N_
from messaging.database import Row

FOUND: Final = "/buscar/casos"
LONGEST: Final = 100  # characters of what is typed
AT_MOST: Final = 20  # that are shown
RECEIPT: Final = re.compile(f"([{LETTERS}]{{4}})([{LETTERS}]{{4}})([{LETTERS}]{{4}})")
SAID_FOR: Final = str.maketrans("OIL", "011")
BETWEEN: Final = re.compile(r"[\s.\u2010-\u2015-]+")


@dataclass(frozen=True)
class Found:
    """What was found, the best first."""

    rows: Sequence[Row] = ()
    blocks: Mapping[UUID, UUID] = field(default_factory=dict)
    """By referral: the block that says who it is."""
    is_exact: bool = True
    """Whether it is all that was typed, and not a part of it."""
    has_more: bool = False
    is_away: bool = False
    """Custody has not answered."""

    def said(self) -> dict[str, Any]:
        """All of it that is kept, as JSON has it: ids, for whoever looks at it passes their conditions again."""
        blocks = {str(referral): str(block) for referral, block in self.blocks.items()}
        return {
            "referrals": [str(row["referral_id"]) for row in self.rows], "blocks": blocks, "is_exact": self.is_exact,
            "has_more": self.has_more, "is_away": self.is_away,
        }  # fmt: skip

    @classmethod
    def of(cls, said: Mapping[str, Any], among: Callable[[Sequence[UUID]], Sequence[Row]]) -> "Found":
        """What was kept, of which `among` returns the rows that whoever looks may see."""
        rows = among([UUID(id) for id in said["referrals"]])
        seen = {str(row["referral_id"]) for row in rows}
        blocks = {UUID(id): UUID(block) for id, block in said["blocks"].items() if id in seen}
        return cls(rows, blocks, said["is_exact"], said["has_more"], said["is_away"])


def screens(settings: Settings) -> Sequence[Screen]:
    """The pages of this module."""
    paces = Paces()

    def ask(visit: Visit) -> Response:
        return _page(visit, settings, typed=visit.typed("q"))

    def find(visit: Visit) -> Response:
        staff = visit.staff
        whom = [(("person", staff.code), OF_A_PERSON), (("organisation", staff.organisation), OF_AN_ORGANISATION)]
        if not paces.may(whom):
            raise Stopped("too_many_searches")
        viewer, typed = showing.viewer_of(visit, settings), visit.said("q", LONGEST)
        # Custody is asked before anything is noted: what is noted of people would keep it waiting.
        found = _found(visit, settings, viewer, typed)
        people = {str(row["person_id"]) for row in found.rows if row.get("person_id")}
        codes = [row["short_code"] for row in found.rows]
        visit.note("searched", people=[*codes, *sorted(people)], found=len(found.rows))
        if len(found.rows) == 1 and found.is_exact and not found.has_more:
            return visit.go(path_of(found.rows[0]["referral_id"]))
        return visit.lead_to(typed=typed, **found.said())

    def show(visit: Visit) -> Response:
        answer = visit.answer
        if not answer:
            return ask(visit)
        viewer = showing.viewer_of(visit, settings)
        found = Found.of(answer, lambda ids: sent.among(visit.tx, viewer, ids))
        names = _names(visit, settings, found)
        rows = [{**showing.shown(row, viewer), "name": names.get(row["referral_id"], "")} for row in found.rows]
        return _page(visit, settings, typed=answer["typed"], found=found, rows=rows)

    return (
        Screen("search", "/buscar", get=ask, label=N_("Buscar")),
        Screen("found", FOUND, get=show, post=find),
    )


def _page(
    visit: Visit, settings: Settings, *, typed: str, found: Found | None = None, rows: Sequence[Mapping[str, Any]] = ()
) -> Response:
    say = showing.saying(visit, settings)
    by_name_alone = visit.finds_people and showing.viewer_of(visit, settings).names
    return visit.page("search.html", say=say, typed=typed, found=found, rows=rows, by_name_alone=by_name_alone)


def _found(visit: Visit, settings: Settings, viewer: Viewer, typed: str) -> Found:
    """What is called by what was typed: a case by its code or id, or by its person."""
    if not typed:
        return Found()
    if (id := _id_of(typed)) is not None:
        return Found(sent.among(visit.tx, viewer, [id]))
    code = contracts.read_short_code(typed)
    if code is not None and (rows := cases.by_code(visit.tx, viewer, code)):
        return Found(rows)
    if not visit.finds_people:
        return Found()
    receipt = _receipt_of(typed)
    if receipt is not None and (rows := sent.by_receipt(visit.tx, viewer, receipt, AT_MOST + 1)):
        return Found(rows[:AT_MOST], has_more=len(rows) > AT_MOST)
    return _people(visit, settings, viewer, typed)


def _people(visit: Visit, settings: Settings, viewer: Viewer, typed: str) -> Found:
    """What custody finds; of that, what whoever asks may see."""
    try:
        said = asking.search(visit, settings, typed, coordinates=viewer.names)
    except CustodyError:
        return Found(is_away=True)
    # A name that was told to coordinate is of a person, whatever referrals they have.
    named = {hit.person for hit in said.hits if hit.referral is None and hit.person is not None}
    theirs: dict[UUID, list[UUID]] = {}
    for row in sent.of_people(visit.tx, viewer, named, AT_MOST + 1):
        theirs.setdefault(row["person_id"], []).append(row["referral_id"])
    blocks: dict[UUID, UUID] = {}
    terms: dict[UUID, int] = {}
    for hit in said.hits:
        for referral in [hit.referral] if hit.referral else theirs.get(hit.person, []) if hit.person else []:
            blocks.setdefault(referral, hit.block)
            terms.setdefault(referral, hit.terms)
    rows = sent.among(visit.tx, viewer, [*blocks])
    return Found(
        rows[:AT_MOST],
        {row["referral_id"]: blocks[row["referral_id"]] for row in rows[:AT_MOST]},
        is_exact=all(terms[row["referral_id"]] == said.of for row in rows),
        has_more=said.more or len(rows) > AT_MOST,
    )


def _names(visit: Visit, settings: Settings, found: Found) -> Mapping[UUID, str]:
    """What the people of a list are called, by referral; of whom custody says nothing, nothing."""
    try:
        opened = asking.open_blocks(visit, settings, "search_list", [*found.blocks.values()])
    except CustodyError:
        return {}
    return {
        referral: showing.name_of(opened[block].content)
        for referral, block in found.blocks.items()
        if not opened[block].code
    }


def _id_of(typed: str) -> UUID | None:
    try:
        return UUID(typed)
    except ValueError:
        return None


def _receipt_of(typed: str) -> str | None:
    """The code of a receipt, as people say and type it."""
    read = RECEIPT.fullmatch(BETWEEN.sub("", typed).upper().translate(SAID_FOR))
    return "-".join(read.groups()) if read is not None else None
