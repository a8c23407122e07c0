"""What is being typed into a form, which its page says a moment later (static/drafts.js): it is not done, and waits.

That a page says so shows nobody to be there: the session is locked when it would have been, and what comes after that
is kept by the shell, as any form is.
"""

from collections.abc import Sequence
from typing import Final

from starlette.responses import Response

from hub.console.web import kept
from hub.console.web.screen import Screen
from hub.console.web.settings import Settings
from hub.console.web.shell import said_in
from hub.console.web.visit import LONGEST_PATH, Visit, is_path

PATH: Final = "/escrito"


def screens(_: Settings) -> Sequence[Screen]:
    """The address of this module, which is no page."""

    def keep(visit: Visit) -> Response:
        page = visit.said("a", LONGEST_PATH)
        if is_path(page):
            kept.keep(visit.tx, visit.keyring, visit.staff.code, page, said_in(visit.form))
        visit.comes_back = True  # so that it stays
        return visit.go(visit.back_to)

    return (Screen("draft", PATH, post=keep, is_activity=False),)
