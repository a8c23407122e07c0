"""Every entrance decides every case of the table alike, and none of them costs its neighbours more than a moment."""

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

import contracts
from contracts import sealing
from contracts.codes import Power
from hub.gateway import amqp
from hub.gateway.admission import Members, Refused, admit
from hub.gateway.http.keys import CALLER, Caller
from hub.gateway.http.messages import Post
from hub.gateway.http.problems import Problem
from hub.gateway.http.submissions import Answering, Submission, Taken
from messaging.bridge import Arrival
from messaging.broker import CONTENT_TYPE
from messaging.topology import Organisation, System
from tests.hub.admission_table import CASES, EXAMPLES, MEMBERS, SEALED, Case, Decision
from tests.hub.network import NOW

AT_MOST = 0.010  # seconds of processor for one decision: the least of several, which a busy machine does not change
TRIES = 5

Runner = Callable[[Case, Members], Decision]


def purely(case: Case, members: Members) -> Decision:
    try:
        admitted = admit(case.make(), case.media_type, case.sender, members, case.system)
        assert contracts.parse(admitted.body) == admitted.message
        assert admitted.message.system == case.named
        return Decision(address=admitted.address)
    except Refused as refused:
        return Decision(code=refused.code, where=refused.where)


def by_amqp(case: Case, members: Members) -> Decision:
    properties = {"user_id": case.sender, "content_type": case.media_type}
    arrival = Arrival(f"submit.{case.sender}", f"{case.sender}.any", 1, case.make(), properties)
    published = amqp.decide(arrival, members, NOW)
    refusal = contracts.parse(published.body).data if ".message.refused." in published.routing_key else None
    if isinstance(refusal, contracts.MessageRefused):
        assert published.routing_key.startswith(f"to.{case.sender}.")
        return Decision(code=refusal.code, where=refusal.where)
    assert published.body == arrival.body
    return Decision(address=published.routing_key)


def by_http(case: Case, members: Members) -> Decision:
    submitted: list[Submission] = []

    class Accepting:
        async def submit(self, organisation: str, submissions: Sequence[Submission], say: Answering, _: Any) -> Any:
            assert organisation == case.sender
            submitted.extend(submissions)
            return say([Taken("accepted", NOW) for _ in submissions])

    body = case.make()
    headers = [(b"content-length", str(len(body)).encode())]
    if case.media_type is not None:
        headers.append((b"content-type", str(case.media_type).encode()))
    state = SimpleNamespace(members=lambda: members, accepting=Accepting())
    caller = Caller(str(case.sender), case.system, b"")
    scope = {"query_string": b"", "headers": headers, "app": SimpleNamespace(state=state), CALLER: caller}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(_: Any) -> None:
        pass

    try:
        asyncio.run(Post()(scope, receive, send))
    except Problem as problem:
        # What is wrong with a request itself is said with the name of its header.
        return Decision(code=problem.code, where=None if problem.where == "Content-Type" else problem.where)
    (one,) = submitted
    assert one.digest == hashlib.sha256(body).digest()
    assert (one.system, contracts.parse(one.body).system) == (case.named, case.named)
    if case.system is None:
        assert one.body == body
    return Decision(address=one.routing_key.removeprefix(f"submitted.{case.sender}.{case.system or '-'}."))


RUNNERS: dict[str, Runner] = {"admission": purely, "amqp": by_amqp, "http": by_http}
BATCHES = {"a batch's media type"}  # by HTTP such a body is several messages, and of those test_messages.py tells
DECIDED = [
    pytest.param(entrance, case, id=f"{entrance}-{case.name}")
    for entrance in RUNNERS
    for case in CASES
    if (entrance != "http" or case.name not in BATCHES) and (entrance != "amqp" or case.system is None)
]


@pytest.mark.parametrize(("entrance", "case"), DECIDED)
def test_every_entrance_decides_alike(entrance: str, case: Case) -> None:
    assert RUNNERS[entrance](case, MEMBERS) == case.expected


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_decision_holds_up_the_neighbours(case: Case) -> None:
    body = case.make()
    took = []
    for _ in range(TRIES):
        began = time.thread_time()
        purely(replace(case, make=lambda: body), MEMBERS)
        took.append(time.thread_time() - began)
    assert min(took) < AT_MOST


@pytest.mark.parametrize("case", SEALED, ids=lambda case: case.name)
def test_where_no_directory_is_named_nobody_looks_for_whom_a_block_is(case: Case) -> None:
    assert purely(case, Members(MEMBERS.organisations, {})).code is None


def test_what_a_key_of_a_system_brings_is_what_was_sent_and_the_name_of_the_system() -> None:
    brought = []
    for case in CASES:
        if case.sender != "redcross" or case.system is not None or purely(case, MEMBERS).code is not None:
            continue
        body = case.make()
        sent = contracts.parse(body)
        if sent.system is None and b'"system"' not in body and len(body) < contracts.MAX_BYTES:
            passed = admit(body, case.media_type, case.sender, MEMBERS, "crm").message
            assert passed == sent.model_copy(update={"system": "crm"})
            brought.append(case.name)
    assert len(brought) > 10


OF_THE_HUB = sorted(type for type, one in contracts.CONTRACTS.items() if one.sent_by == "hub")


@pytest.mark.parametrize("type", OF_THE_HUB)
def test_what_the_hub_alone_says_nobody_says_who_may_say_and_be_everything(type: str) -> None:
    said = json.loads(next((EXAMPLES / type).glob("ok-*.json")).read_text())
    said = said.get("message", said) | {"source": "eager", "type": type}
    eager = Organisation(
        "eager", "", ("*",), frozenset(Power), systems=(System("eager", "all", ("*",), ("*",), "events", ("*",)),)
    )
    members = Members({**MEMBERS.organisations, "eager": eager}, MEMBERS.keys)
    for sender, system, code in (("eager", None, "not_allowed"), ("eager", "all", "not_allowed"),
                                 ("redcross", None, "forged_sender")):  # fmt: skip
        with pytest.raises(Refused) as refused:
            admit(json.dumps(said).encode(), CONTENT_TYPE, sender, members, system)
        assert refused.value.code == code
    with pytest.raises(Refused):  # nor under the hub's own name, whoever the transport vouches for
        admit(json.dumps(said | {"source": "hub"}).encode(), CONTENT_TYPE, "eager", members)


def test_a_key_that_takes_the_place_of_another_counts_at_once() -> None:
    (case,) = (one for one in SEALED if one.name == "registration sealed to hub")
    new = Members(MEMBERS.organisations, {**MEMBERS.keys, "hub": {sealing.new_key()["kid"]: True}})
    both = Members(MEMBERS.organisations, {**MEMBERS.keys, "hub": {**new.keys["hub"], **MEMBERS.keys["hub"]}})
    assert [purely(case, members).code for members in (MEMBERS, both, new)] == [None, None, "sealed_to_another"]
