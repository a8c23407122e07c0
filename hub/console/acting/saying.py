"""Says one act by the gateway's entrance, and reads what became of it. The same message again changes nothing there."""

import http
import json
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from contracts import refusals
from hub.console.entrance import Answer, Entrance
from hub.console.store.acts import ActState

WAIT: Final = 2  # seconds for which the gateway's answer waits for what becomes of the message
MEDIA_TYPE: Final = "application/cloudevents+json"
OF_THE_CALLER: Final = (
    http.HTTPStatus.UNAUTHORIZED, http.HTTPStatus.REQUEST_TIMEOUT, http.HTTPStatus.TOO_MANY_REQUESTS,
)  # fmt: skip
OF_THE_KEY: Final = frozenset({"suspended", "wrong_environment"})
"""Codes of 403 that are about who calls, and not about what is said."""


class Odd(Exception):
    """What is answered to one act cannot be understood: a code. Others of the same organisation are said meanwhile."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Became:
    """What has become of an act so far."""

    state: ActState
    code: str | None = None
    said_by: str | None = None
    """The service that refuses it, or holds it back."""


def say(entrance: Entrance, message: str) -> Became:
    """Say a message. Raises Unavailable, Odd."""
    headers = {"Content-Type": MEDIA_TYPE, "Prefer": f"wait={WAIT}"}
    answer = entrance.ask("POST", "/v1/messages", message.encode(), headers)
    if answer.status in (http.HTTPStatus.OK, http.HTTPStatus.ACCEPTED):
        return became(_document(entrance, answer))
    _check_caller(entrance, answer)
    code = _document(entrance, answer).get("code")
    if isinstance(code, str) and refusals.find(code, "gateway"):
        return Became(ActState.REFUSED, code, "gateway")
    raise Odd(f"answered_{answer.status}")


def ask(entrance: Entrance, message_id: UUID) -> Became | None:
    """Ask what became of a message; None where the gateway knows none of this id. Raises Unavailable, Odd."""
    answer = entrance.ask("GET", f"/v1/messages/{message_id}")
    if answer.status == http.HTTPStatus.OK:
        return became(_document(entrance, answer))
    _check_caller(entrance, answer)
    if answer.status == http.HTTPStatus.NOT_FOUND and _document(entrance, answer).get("code") == "unknown_message":
        return None
    raise Odd(f"answered_{answer.status}")


def became(document: dict[str, Any]) -> Became:
    """Read what the gateway tells of a message; without a state it is accepted, and no more is known."""
    try:
        state = ActState(document.get("state", ActState.ACCEPTED))
    except ValueError:
        return Became(ActState.ACCEPTED)  # one that is newer than this: it is asked again
    said: dict[str, Any] = next((one for one in document.get("services", ()) if one.get("state") == state), {})
    return Became(state, said.get("code"), said.get("service"))


def _check_caller(entrance: Entrance, answer: Answer) -> None:
    """Let what is said to the organisation as a whole, or by a server in trouble, end its turn. Raises Unavailable."""
    is_of_the_key = False
    if answer.status == http.HTTPStatus.FORBIDDEN:
        said = _document(entrance, answer)
        is_of_the_key = said.get("code") in OF_THE_KEY or said.get("where") == "Authorization"
    if is_of_the_key or answer.status in OF_THE_CALLER or answer.status >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
        entrance.begin_anew()
        raise answer.unavailable


def _document(entrance: Entrance, answer: Answer) -> dict[str, Any]:
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, dict):
        return document
    entrance.begin_anew()
    raise Odd("not_an_answer")
