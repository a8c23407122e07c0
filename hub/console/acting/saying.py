"""Says one act by the gateway's entrance, and reads what became of it. The same message again changes nothing there."""

import http
import json
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from contracts import refusals
from hub.console.entrance import Answer, Entrance, Unavailable
from hub.console.store.acts import ActState

WAIT: Final = 2  # seconds for which the gateway's answer waits for what becomes of the message
MEDIA_TYPE: Final = "application/cloudevents+json"
AGAIN_LATER: Final = (http.HTTPStatus.UNAUTHORIZED, http.HTTPStatus.REQUEST_TIMEOUT, http.HTTPStatus.TOO_MANY_REQUESTS)


@dataclass(frozen=True, slots=True)
class Became:
    """What has become of an act so far."""

    state: ActState
    code: str | None = None
    said_by: str | None = None
    """The service that refuses it, or holds it back."""


def say(entrance: Entrance, message: str) -> Became:
    """Say a message. Raises Unavailable."""
    headers = {"Content-Type": MEDIA_TYPE, "Prefer": f"wait={WAIT}"}
    answer = entrance.ask("POST", "/v1/messages", message.encode(), headers)
    if answer.status in (http.HTTPStatus.OK, http.HTTPStatus.ACCEPTED):
        return became(_document(entrance, answer))
    code = _document(entrance, answer).get("code") if _is_refusal(answer) else None
    if isinstance(code, str) and refusals.find(code, "gateway"):
        return Became(ActState.REFUSED, code, "gateway")
    entrance.begin_anew()
    raise answer.unavailable


def ask(entrance: Entrance, message_id: UUID) -> Became:
    """Ask what became of a message that was accepted. Raises Unavailable."""
    answer = entrance.ask("GET", f"/v1/messages/{message_id}")
    if answer.status != http.HTTPStatus.OK:
        entrance.begin_anew()
        raise answer.unavailable
    return became(_document(entrance, answer))


def became(document: dict[str, Any]) -> Became:
    """Read what the gateway tells of a message; without a state it is accepted, and no more is known."""
    try:
        state = ActState(document.get("state", ActState.ACCEPTED))
    except ValueError:
        return Became(ActState.ACCEPTED)  # one that is newer than this: it is asked again
    said: dict[str, Any] = next((one for one in document.get("services", ()) if one.get("state") == state), {})
    return Became(state, said.get("code"), said.get("service"))


def _is_refusal(answer: Answer) -> bool:
    return 400 <= answer.status < 500 and answer.status not in AGAIN_LATER


def _document(entrance: Entrance, answer: Answer) -> dict[str, Any]:
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, dict):
        return document
    entrance.begin_anew()
    raise Unavailable("not_an_answer")
