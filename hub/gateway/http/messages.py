"""POST /v1/messages: one message, structured or binary, or a batch; a plain ASGI endpoint, since it is called most.

What cannot be read, or can never become right, is refused at once; all else is answered once it is committed.
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from contracts import MAX_BYTES
from hub.gateway.admission import Admitted, Members, Refused, admit
from hub.gateway.http import cloudevents, preferring
from hub.gateway.http.entrance import REQUEST_ID, SUBMITS, Receive, Scope, Send, headers_of, note_refusal, only_one
from hub.gateway.http.keys import CALLER, Caller
from hub.gateway.http.limits import parameters
from hub.gateway.http.problems import Problem, language_of
from hub.gateway.http.submissions import Answer, IdempotencyKey, Submission, Taken
from messaging import clock, tracing
from messaging.topology import submitted_key, submitting_systems

PATH = "/v1/messages"
BATCH_BYTES = 1024 * 1024
MAX_KEY = 255  # characters of an Idempotency-Key
MEDIA_TYPE = (b"content-type", b"application/json")
_VISIBLE = re.compile(r"[\x21-\x7e]+")
_STRING = re.compile(r'"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')  # RFC 9651, 3.3.3


class Post:
    """The endpoint."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Accept what a request brings."""
        scope[SUBMITS] = None
        parameters(scope["query_string"])
        if (only_one(scope, b"content-encoding") or b"identity").strip().lower() != b"identity":
            raise Problem(415, "content_encoding", "Content-Encoding", headers={"Accept-Encoding": "identity"})
        mode = cloudevents.mode_of(only_one(scope, b"content-type"), scope["headers"])
        key = _key_said(only_one(scope, b"idempotency-key"))
        body = await read_body(scope, receive, BATCH_BYTES if mode == "batch" else MAX_BYTES)
        if body is None:
            return  # whoever asked is gone
        scope[SUBMITS] = body
        caller: Caller = scope[CALLER]
        headers: list[tuple[bytes, bytes]] = []
        seconds = None  # for which the answer is to wait
        if mode == "batch":
            answer = await _accept_batch(scope, caller, cloudevents.batch(body, scope["headers"]), key, body)
        else:
            read = cloudevents.structured if mode == "structured" else cloudevents.binary
            scope[SUBMITS] = message = read(body, scope["headers"])
            answer = await _accept_one(scope, caller, message, key)
            headers.append((b"location", str(answer.content["status"]).encode()))
            seconds = preferring.seconds(headers_of(scope).get(b"prefer"))
            if seconds is not None:
                headers.append((b"preference-applied", b"wait=%d" % seconds))
        if answer.replayed:
            headers.append((b"idempotency-replayed", b"true"))
        if seconds is not None:
            answer = await preferring.outcome(scope, caller, answer, seconds)
        await _say(send, answer, headers)


async def read_body(scope: Scope, receive: Receive, most: int) -> bytes | None:
    """Return the body of a request, None where its sender has gone; raise Problem 413, having read no further."""
    said = headers_of(scope).get(b"content-length", b"0")
    if not said.isdigit() or len(said) > 18 or int(said) > most:
        raise Problem(413, "too_large")
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > most:
            raise Problem(413, "too_large")
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


async def _accept_one(scope: Scope, caller: Caller, body: bytes, key: str | None) -> Answer:
    submission = _submission(scope, caller, body)

    def answering(taken: Sequence[Taken]) -> Answer:
        (one,) = taken
        status = {"accepted": 202, "repeated": 200, "id_reused": 409}[one.state]
        return Answer(status, _said(submission, one))

    state = scope["app"].state
    answer: Answer = await state.accepting.submit(
        caller.organisation, [submission], answering, _idempotency(caller, key, submission.digest)
    )
    if answer.status == 409:
        raise Problem(409, "id_reused", "id", message_id=submission.message_id)
    return answer


async def _accept_batch(scope: Scope, caller: Caller, bodies: Sequence[bytes], key: str | None, whole: bytes) -> Answer:
    """Accept each of a batch for itself: 202 or 200 where all are alike, else 207 with what became of each."""
    language = language_of(headers_of(scope))

    def refused(problem: Problem, body: bytes) -> dict[str, Any]:
        note_refusal(scope, problem, body)
        return {"result": problem.status, "problem": problem.document(language, scope[REQUEST_ID])}

    items: list[dict[str, Any] | None] = []
    submissions: list[Submission] = []
    came: list[bytes] = []  # of each of them
    for body in bodies:
        try:
            submissions.append(_submission(scope, caller, body))
            came.append(body)
            items.append(None)
        except Problem as problem:
            items.append(refused(problem, body))

    def answering(taken: Sequence[Taken]) -> Answer:
        became = iter(zip(submissions, came, taken, strict=True))
        said: list[dict[str, Any]] = []
        for item in items:
            if item is None:
                submission, body, one = next(became)
                item = (
                    refused(Problem(409, "id_reused", "id", message_id=submission.message_id), body)
                    if one.state == "id_reused"
                    else {"result": 202 if one.state == "accepted" else 200, **_said(submission, one)}
                )
            said.append(item)
        results = {item["result"] for item in said}
        return Answer(results.pop() if results in ({202}, {200}) else 207, {"messages": said})

    if not submissions:
        return answering([])
    state = scope["app"].state
    request = _idempotency(caller, key, hashlib.sha256(whole).digest())
    answer: Answer = await state.accepting.submit(caller.organisation, submissions, answering, request)
    return answer


def _submission(scope: Scope, caller: Caller, body: bytes) -> Submission:
    """Have admission decide on one message; raise its refusal as a Problem."""
    members: Members = scope["app"].state.members()
    admitted = _admit(members, caller, body)
    if isinstance(admitted, Problem):
        raise admitted
    message = admitted.message
    # A copy of a service of ours submits by AMQP; there is no queue for what it would submit here.
    organisation = members.organisations[caller.organisation]
    system = caller.system if caller.system in submitting_systems(organisation) else None
    return Submission(
        message.source,
        message.system,
        message.id,
        message.type,
        submitted_key(caller.organisation, system, admitted.address),
        admitted.body,
        hashlib.sha256(body).digest(),
    )


def _admit(members: Members, caller: Caller, body: bytes) -> Admitted | Problem:
    """Return the problem, so that nobody's traceback holds the message."""
    try:
        admitted = admit(body, cloudevents.STRUCTURED, caller.organisation, members, caller.system)
        tracing.taken_up(admitted.message, clock.now())
        return admitted
    except Refused as refused:
        if refused.message is not None:
            tracing.taken_up(refused.message, clock.now(), refused)
        message_id = refused.message.id if refused.message is not None else None
        return Problem.of_refusal(refused.code, refused.where, message_id)


def _said(submission: Submission, taken: Taken) -> dict[str, Any]:
    said: dict[str, Any] = {
        "id": str(submission.message_id),
        "accepted_at": _moment(taken.accepted_at),
        "status": f"{PATH}/{submission.message_id}",
    }
    return said if taken.state == "accepted" else {**said, "repeated": True}


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _key_said(value: bytes | None) -> str | None:
    """Read an Idempotency-Key: a string as structured fields have it, or as most clients write it, without quotes."""
    if value is None:
        return None
    said = value.decode("latin-1")
    if len(said) <= 2 * MAX_KEY + 2 and (quoted := _STRING.fullmatch(said)):
        said = re.sub(r'\\(["\\])', r"\1", quoted[1])
    if not 1 <= len(said) <= MAX_KEY or not _VISIBLE.fullmatch(said):
        raise Problem(400, "idempotency_key_invalid", "Idempotency-Key")
    return said


def _idempotency(caller: Caller, key: str | None, digest: bytes) -> IdempotencyKey | None:
    return None if key is None else IdempotencyKey(caller.organisation, key, digest)


async def _say(send: Send, answer: Answer, headers: Sequence[tuple[bytes, bytes]]) -> None:
    body = msgspec.json.encode(answer.content)
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": answer.status, "headers": [MEDIA_TYPE, length, *headers]})
    await send({"type": "http.response.body", "body": body})
