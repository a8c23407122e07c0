"""Buscar: which case is this call about? What is typed is about people, and stands in no address."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from starlette.responses import RedirectResponse, Response

import contracts
from hub.console.store import cases
from hub.console.web import showing
from hub.console.web.case import path_of
from hub.console.web.screen import Screen
from hub.console.web.settings import Settings
from hub.console.web.visit import Visit
from hub.console.web.words import N_
from messaging.database import Row

FOUND: Final = "/buscar/casos"
LONGEST: Final = 100  # characters of what is typed


def screens(settings: Settings) -> Sequence[Screen]:
    """The pages of this module."""

    def ask(visit: Visit) -> Response:
        return visit.page("search.html", say=showing.saying(visit, settings), typed=visit.typed("q"), rows=None)

    def find(visit: Visit) -> Response:
        viewer = showing.viewer_of(visit, settings)
        typed = visit.said("q", LONGEST)
        rows = [showing.shown(row, viewer) for row in _found(visit, viewer, typed)]
        visit.note("searched", people=[row["code"] for row in rows], found=len(rows))
        if len(rows) == 1:
            return RedirectResponse(path_of(rows[0]["referral_id"]), 303)
        # Alike for what there is not and for what is not for whoever asks.
        return visit.page("search.html", say=showing.saying(visit, settings), typed=typed, rows=rows)

    return (
        Screen("search", "/buscar", get=ask, label=N_("Buscar")),
        Screen("found", FOUND, post=find, act="searched"),
    )


def _found(visit: Visit, viewer: cases.Viewer, typed: str) -> list[Row]:
    """What is called by what was typed: the code that people say by telephone, or the id of a referral."""
    try:
        found = cases.case(visit.tx, viewer, UUID(typed))
        return [row for row in found.referrals if row["referral_id"] == UUID(typed)] if found else []
    except ValueError:
        code = contracts.read_short_code(typed)
        return cases.by_code(visit.tx, viewer, code) if code is not None else []
