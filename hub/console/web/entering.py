"""Coming in and going: password and authenticator, the PIN on a computer that stands idle or is shared, *Salir*."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from starlette.responses import Response

from hub.console.web import accounts, sessions, throttle
from hub.console.web.errors import Stopped
from hub.console.web.screen import Screen
from hub.console.web.settings import Settings
from hub.console.web.shell import LOGIN, UNLOCK
from hub.console.web.visit import Visit
from hub.console.web.words import N_
from hub.gateway.http.problems import LANGUAGES

WRONG: Final = N_("El nombre, la contraseña o el código no es correcto. Nada de esto dice cuál: revise los tres.")
WRONG_PIN: Final = N_("El PIN no es correcto. Después de cinco intentos hay que entrar otra vez con contraseña.")
ENDED: Final = N_("Fueron cinco intentos con el PIN. Entre otra vez con su contraseña.")


def screens(settings: Settings) -> Sequence[Screen]:
    """The pages of this module."""
    entering = Entering(settings)
    return (
        Screen("login", LOGIN, get=entering.ask, post=entering.log_in, hashes=True, answers_itself=True),
        Screen("logout", "/salir", post=log_out),
        Screen("lock", "/bloquear", post=lock),
        Screen(
            "unlock",
            UNLOCK,
            get=entering.ask_pin,
            post=entering.unlock,
            hashes=True,
            is_activity=False,
            answers_itself=True,
        ),
        Screen("language", "/idioma/{language}", get=choose_language),
    )


class Entering:
    """The pages that need to know for how long somebody may stay."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def ask(self, visit: Visit) -> Response:
        """The form to come in."""
        return self._login_page(visit)

    def _login_page(self, visit: Visit, error: str = "", status: int = 200, wait: int = 0) -> Response:
        others = bool(sessions.of_browser(visit.tx, visit.browser, lock_after=self._settings.lock_after))
        response = visit.page("login.html", status=status, error=error, others=others, wait=wait)
        if wait:
            response.headers["retry-after"] = str(wait)
        return response

    def log_in(self, visit: Visit) -> Response:
        """Come in: an unknown name is answered as a wrong password is, and as slowly."""
        login = accounts.normal_login(visit.said("login"))
        subjects = self._subjects(visit, login)
        for subject, slowing in subjects:
            if wait := throttle.attempt(visit.tx, subject, slowing):
                return self._login_page(visit, status=429, wait=wait)
        password, code = visit.form.get("password", [""])[0], visit.said("code", 40)
        came = accounts.log_in(visit.tx, visit.keyring, login, password, code)
        takes_part = came.staff is not None and self._settings.takes_part(came.staff.organisation)
        if came.outcome != "right" or came.staff is None or not takes_part:
            why = came.outcome if came.outcome != "right" else "organisation"
            visit.note("login_failed", by=came.staff, why=why)
            return self._login_page(visit, WRONG, 401)
        throttle.forget(visit.tx, subjects[0][0])
        for subject, _ in subjects[1:]:
            throttle.take_back(visit.tx, subject)
        self._begin(visit, came.staff, by_recovery_code=came.by_recovery_code)
        return visit.go(visit.back_to)

    def _subjects(self, visit: Visit, login: str) -> Sequence[tuple[bytes, throttle.Slowing]]:
        """Whom an attempt counts for: the name in a browser that knows it; elsewhere the name, and the address."""
        whose = accounts.of_login(visit.tx, login)
        if visit.known and sessions.is_known(visit.tx, visit.known, whose.code if whose is not None else ""):
            return [(visit.keyring.hash("attempts", f"known {visit.known} {login}"), throttle.OF_A_NAME)]
        found = [(visit.keyring.hash("attempts", f"name {login}"), throttle.OF_A_NAME)]
        if visit.address is not None:
            found.append((visit.keyring.hash("attempts", f"address {visit.address}"), throttle.OF_AN_ADDRESS))
        return found

    def _begin(self, visit: Visit, staff: accounts.Staff, *, by_recovery_code: bool = False) -> None:
        begin(visit, staff, self._settings.session_hours)
        visit.note("login", by=staff, by_recovery_code=by_recovery_code)

    def ask_pin(self, visit: Visit) -> Response:
        """Whose sessions this browser has, and the form for the PIN of one."""
        return self._pin_page(visit)

    def _pin_page(self, visit: Visit, error: str = "", status: int = 200) -> Response:
        people = sessions.of_browser(visit.tx, visit.browser, lock_after=self._settings.lock_after)
        if not people:
            return visit.go(LOGIN)
        return visit.page("unlock.html", status=status, error=error, people=people)

    def unlock(self, visit: Visit) -> Response:
        """Open one of the browser's sessions by its PIN: the one that was locked, or a colleague's."""
        people = sessions.of_browser(visit.tx, visit.browser, lock_after=self._settings.lock_after)
        chosen = next((one for one in people if str(one.id) == visit.said("who")), None)
        if chosen is None or not self._settings.takes_part(chosen.staff.organisation):
            return visit.go(LOGIN)
        outcome = sessions.unlock(visit.tx, visit.browser, chosen, visit.said("pin"))
        if outcome == "right":
            visit.note("session_unlocked", by=chosen.staff, session=str(chosen.id))
            return visit.go(visit.back_to)
        visit.note("pin_failed", by=chosen.staff, session=str(chosen.id), ended=outcome == "ended")
        if outcome == "ended":
            if visit.session is not None and visit.session.id == chosen.id:
                visit.session = None
            return self._login_page(visit, ENDED, 401)
        return self._pin_page(visit, WRONG_PIN, 401)


def begin(visit: Visit, staff: accounts.Staff, hours: int) -> UUID:
    """Begin a session of somebody who has shown who they are, and remember the browser."""
    id, visit.browser = sessions.begin(visit.tx, staff, browser=visit.browser, hours=hours)
    visit.known = sessions.know(visit.tx, staff.code, visit.known)
    return id


def log_out(visit: Visit) -> Response:
    """End the session; colleagues' sessions in the same browser stay, locked."""
    if visit.session is not None:
        sessions.end(visit.tx, visit.session.id, "logout")
        visit.note("logout", session=str(visit.session.id))
        visit.session = None
    response = visit.go(LOGIN)
    response.headers["clear-site-data"] = '"cache"'  # no page of theirs is kept
    return response


def lock(visit: Visit) -> Response:
    """Lock the session until its PIN, or a colleague's, is typed."""
    if visit.session is not None and sessions.lock(visit.tx, visit.session.id):
        visit.note("session_locked", session=str(visit.session.id))
    return visit.go(UNLOCK)


def choose_language(visit: Visit) -> Response:
    """Keep the language that somebody has chosen, and go back."""
    chosen = next((one for one in LANGUAGES if one == visit.path_params["language"]), None)
    if chosen is None:
        raise Stopped("not_found")
    visit.language = chosen
    return visit.go(visit.back_to)
