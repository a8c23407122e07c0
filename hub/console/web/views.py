"""Vistas: the lists of Referencias that somebody keeps under names of their own. Nobody else is shown them."""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from starlette.responses import RedirectResponse, Response

from hub.console.store import views
from hub.console.store.cases import Asked
from hub.console.web import listing, showing
from hub.console.web.errors import Stopped
from hub.console.web.fields import MISSING
from hub.console.web.screen import Screen
from hub.console.web.settings import Settings
from hub.console.web.visit import Visit
from hub.console.web.words import N_

NAME, WHICH = "nombre", "vista"
LONGEST: Final = 40  # characters of a name

TOO_LONG: Final = N_("Escriba un nombre más corto: 40 letras como máximo.")
TOO_MANY: Final = N_("Ya tiene 20 vistas: quite una que no use.")


def screens(settings: Settings) -> Sequence[Screen]:
    """The pages of this module."""

    def show(visit: Visit) -> Response:
        return _page(visit, settings, _asked(visit), visit.answer.get("wrong", ""))

    def save(visit: Visit) -> Response:
        asked, name = _asked(visit), " ".join(visit.typed(NAME).split())
        if wrong := MISSING if not name else TOO_LONG if len(name) > LONGEST else "":
            return visit.send_back(wrong=wrong)
        if not name.isprintable():
            raise Stopped("unreadable")
        if not views.save(visit.tx, visit.staff.code, name, asked):
            return visit.send_back(wrong=TOO_MANY)
        return RedirectResponse(listing.path(asked), 303)

    def drop(visit: Visit) -> Response:
        try:
            views.drop(visit.tx, visit.staff.code, UUID(visit.said(WHICH)))
        except ValueError:
            raise Stopped("changed") from None
        return RedirectResponse(listing.VIEWS, 303)

    return (
        Screen("views", listing.VIEWS, get=show, post=save),
        Screen("view_dropped", f"{listing.VIEWS}/quitar", post=drop),
    )


def _asked(visit: Visit) -> Asked:
    """What is to be kept, as the address says, or else the form. Raises Stopped where it means nothing."""
    is_in_address = not visit.query.keys().isdisjoint(listing.ASKED)
    says = visit.query.get if is_in_address else visit.typed
    said: Mapping[str, str] = {name: says(name) or "" for name in listing.ASKED}
    asked, _ = listing.read(said)
    return asked


def _page(visit: Visit, settings: Settings, asked: Asked, wrong: str) -> Response:
    say = showing.saying(visit, settings)
    return visit.page(
        "views.html",
        status=422 if wrong else 200,
        say=say,
        asked=asked,
        parts={part: listing.PART_LABELS[name] for name, part in listing.PARTS.items()},
        query=listing.query(asked),
        views=views.of(visit.tx, visit.staff.code),
        path=listing.path,
        name=visit.typed(NAME),
        wrong=say.text(wrong) if wrong else "",
    )
