"""What every entrance has to decide alike, in one table: a message, whom the transport vouches for, what comes of it.

An entrance is tried by a runner, which submits a case and returns the decision in the words of this page
(test_admission_table.py has the list): a new entrance is one runner more, and no case.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import contracts
from contracts import codes, sealing
from contracts.codes import Power
from hub.gateway.admission import Members
from messaging.broker import CONTENT_TYPE
from messaging.topology import Organisation, System
from tests.examples import (
    KEYS,
    REFERRAL_ID,
    confidential_request,
    referral_requested,
    say,
    sealed_to,
    sealed_with_header,
    service_published,
)
from tests.examples_intake import need_referred, needs_referred

Json = dict[str, Any]

EXAMPLES = Path(contracts.__file__).parent / "examples"

CRM = System("redcross", "crm", (), ())
EVENTS = System("americares", "events", ("jornada.confirmed",), (), "events", ("attendance.settled",))
SCREENS = System("fuvadis", "console", ("*",), (), amqp=False)
MEMBERS = Members(
    {
        "redcross": Organisation(
            "redcross",
            "Cruz Roja",
            ("service.published", "person.registered", "attendance.*", "jornada.*", "referral.*"),
            systems=(CRM, System("redcross", "attendance", ("attendance.settled",), ("attendance.*",))),
        ),
        "iom": Organisation("iom", "OIM", ("need.identified", "referral.*")),
        "fuvadis": Organisation("fuvadis", "FUVADIS", ("referral.*",), systems=(SCREENS,)),
        "americares": Organisation("americares", "Americares", ("jornada.*",), systems=(EVENTS,)),
        "centre": Organisation("centre", "Centro", ("match.*",), frozenset({Power.COORDINATE})),
        "second": Organisation("second", "Secretaría", ("match.*",), frozenset({Power.COORDINATE})),
        "sends-only": Organisation("sends-only", "", ("match.*",), frozenset({Power.RUN_PROGRAMMES})),
        "may-only": Organisation("may-only", "", ("referral.*",), frozenset({Power.COORDINATE})),
        "narrow": Organisation("narrow", "", ("referral.*", "needs.*", "attendance.*"), refers_to=("iom", "fuva*")),
        "paused": Organisation("paused", "", ("need.identified",), status=codes.OrganisationStatus.SUSPENDED),
    },
    {name: {key["kid"]: True} for name, key in KEYS.items()},
)
"""Of these americares has no key, as one that has just joined, nor have those that coordinate."""


@dataclass(frozen=True)
class Decision:
    """What an entrance decides: an address, where the message may come in, or else a code and the field to blame."""

    address: str | None = None
    code: str | None = None
    where: str | None = None


@dataclass(frozen=True)
class Case:
    """One message at the door."""

    name: str
    make: Callable[[], bytes]
    expected: Decision
    sender: str = "redcross"
    media_type: object = CONTENT_TYPE
    system: str | None = None
    """The one of the sender's systems that the transport vouches for; by AMQP it vouches for none."""
    named: str | None = None
    """The system that what goes on names."""


def admitted(name: str, make: Callable[[], bytes], address: str, **said: Any) -> Case:
    return Case(name, make, Decision(address=address), **said)


def refused(name: str, make: Callable[[], bytes], code: str, where: str | None = None, **said: Any) -> Case:
    return Case(name, make, Decision(code=code, where=where), **said)


# -- bodies ------------------------------------------------------------------------------------------------------------


def message(data: Any = None, **changed: Any) -> Callable[[], bytes]:
    """A message in which nothing is wrong but what is changed of its envelope."""

    def make() -> bytes:
        said: Json = json.loads(say(data or service_published()).to_json())
        return json.dumps(said | changed).encode()

    return make


def with_data(**changed: Any) -> Callable[[], bytes]:
    """The same with other data."""

    def make() -> bytes:
        said: Json = json.loads(message()())
        return json.dumps(said | {"data": said["data"] | changed}).encode()

    return make


def attendance_that_refers() -> Callable[[], bytes]:
    """An attendance of the examples with a need that is referred to somebody whom "narrow" may not refer to."""
    said = json.loads((EXAMPLES / "attendance.recorded.v1" / "ok-with-a-referral.json").read_text())
    said["data"]["needs"][0]["refer"]["recipient"] = "centre"
    return lambda: json.dumps(said | {"source": "narrow"}).encode()


def confidential_of_version_1() -> bytes:
    """A case under a code in the words of before, for whoever uses the hub's screens."""
    said = json.loads((EXAMPLES / "referral.requested.v1" / "ok-safe-to-telephone.json").read_text())
    for name in ("person_id", "need_id", "services_given"):
        said["data"].pop(name, None)
    said["data"] |= {"recipient": "fuvadis", "case_code": "GBV-0001", "sealed": sealed_to("fuvadis")}
    return json.dumps(said | {"source": "redcross"}).encode()


def deep(levels: int) -> Callable[[], bytes]:
    """A message with so many levels, of which the envelope is one, in a field that nobody reads."""
    inside = "[" * (levels - 1) + "]" * (levels - 1)
    return lambda: message()()[:-1] + f',"extra":{inside}}}'.encode()


def long(size: int) -> Callable[[], bytes]:
    """A message of so many bytes."""

    def make() -> bytes:
        body = message(extra="")()
        return body.replace(b'"extra": ""', b'"extra": "' + b"x" * (size - len(body)) + b'"')

    return make


def raw(fragment: bytes) -> Callable[[], bytes]:
    """A message with another field, written as it stands here."""
    return lambda: message()()[:-1] + b',"extra":' + fragment + b"}"


# -- sealed blocks -----------------------------------------------------------------------------------------------------

ABOUT: Json = {"referral_id": REFERRAL_ID}
ID = UUID("01950000-0000-7000-8000-0000000000aa")
WHEN = datetime(2026, 3, 9, 9, 0, tzinfo=UTC)
UNDONE = contracts.MatchUndone(match_id=ID)


def registration(block: str) -> Any:
    return contracts.PersonRegistered(person_id=ID, registered_at=WHEN, sealed=block)


def attendance(block: str) -> Any:
    return contracts.AttendanceRecorded(
        attendance_id=ID,
        jornada_id=ID,
        organiser="redcross",
        person_id=ID,
        present_at=WHEN,
        sealed=block,
        check_in=codes.CheckIn.SPREADSHEET,
    )


def request(block: str) -> Any:
    return referral_requested(sealed=block)


def redirection(block: str) -> Any:
    return contracts.ReferralRedirected(
        **ABOUT, new_referral_id=ID, recipient="iom", service_id=ID, consent_id=ID, sealed=block
    )


def question(block: str) -> Any:
    return contracts.ReferralInfoRequested(**ABOUT, topic=codes.InfoTopic.DOCUMENTS, sealed=block)


def answer(block: str) -> Any:
    return contracts.ReferralInfoProvided(**ABOUT, sealed=block)


def visit(block: str) -> Any:
    return contracts.ReferralScheduled(**ABOUT, visit_at=WHEN, mode=codes.VisitMode.AT_PROVIDER, sealed=block)


def note(block: str) -> Any:
    return contracts.ReferralServiceNoted(**ABOUT, sealed=block)


def completion(block: str) -> Any:
    return contracts.ReferralCompleted(**ABOUT, outcome=codes.Outcome.NEED_MET, sealed=block)


TO_THE_HUB = (registration, attendance)
TO_IOM = (request, redirection)  # which both name as their recipient
TO_A_PARTY = (question, answer, visit, note, completion)  # which only the service knows

RIGHT: list[tuple[Callable[[str], Any], str]] = [
    *((make, "hub") for make in TO_THE_HUB),
    *((make, "iom") for make in TO_IOM),
    *((make, one) for make in TO_A_PARTY for one in ("iom", "fuvadis")),
]
WRONG: list[tuple[Callable[[str], Any], str]] = [
    *((make, one) for make in TO_THE_HUB for one in ("redcross", "iom")),
    *((make, one) for make in TO_IOM for one in ("hub", "redcross", "fuvadis")),
    *((make, one) for make in TO_A_PARTY for one in ("hub", "redcross")),
]
_IOM = KEYS["iom"]["kid"]
NOBODYS = {
    "a retired or unknown key": json.dumps({"kid": sealing.new_key()["kid"]}),
    "no key": '{"alg":"ECDH-ES+A256KW"}',
    "an empty key": '{"kid":""}',
    "two keys": json.dumps({"kid": _IOM})[:-1] + f',"kid":"{_IOM}"}}',
    "two keys, one of them in other letters": json.dumps({"kid": "x"})[:-1] + f',"\\u006bid":"{_IOM}"}}',
    "a key that is null": '{"kid":null}',
    "a key that is a number": '{"kid":1}',
    "a key that is a list": json.dumps({"kid": [_IOM]}),
    "a key that is an object": json.dumps({"kid": {"kid": _IOM}}),
    "a key within another part": json.dumps({"epk": {"kid": _IOM}}),
    "a key with a space behind it": json.dumps({"kid": f"{_IOM} "}),
    "a header that is no JSON": '{"kid":',
    "a header with something behind it": json.dumps({"kid": _IOM}) + "{}",
    "a header of 10,000 brackets": '{"kid":' + "[" * 10_000,
    "a number of 10,000 digits": '{"kid":' + "1" * 10_000 + "}",
}

SEALED = [
    *(
        admitted(f"{make.__name__} sealed to {to}", message(make(sealed_to(to))), contracts.contract_of(made).type)
        for make, to in RIGHT
        for made in (make(sealed_to(to)),)
    ),
    *(
        refused(f"{make.__name__} sealed to {to}", message(make(sealed_to(to))), "sealed_to_another", "data.sealed")
        for make, to in WRONG
    ),
    *(
        refused(
            f"{make.__name__} sealed to {what}",
            message(make(sealed_with_header(header))),
            "sealed_to_another",
            "data.sealed",
        )
        for make in (registration, request, question)
        for what, header in NOBODYS.items()
    ),
    refused(
        "request to who has no key",
        message(referral_requested(recipient="americares", sealed=sealed_to("iom"))),
        "sealed_to_another",
        "data.sealed",
    ),
    refused(
        "request to nobody of the network",
        message(referral_requested(recipient="nobody", sealed=sealed_to("iom"))),
        "sealed_to_another",
        "data.sealed",
    ),
    admitted("question without a note", message(question(sealed_to("iom")).model_copy(update={"sealed": None})),
             "referral.info_requested.v1"),
]  # fmt: skip


CONFIDENTIAL = [
    admitted("a case under a code", message(confidential_request(sealed=sealed_to("iom"))), "referral.requested.v2"),
    admitted("no such case, to who uses the hub's screens",
             message(referral_requested(recipient="fuvadis", sealed=sealed_to("fuvadis"))), "referral.requested.v2"),
    *(refused(f"a case under a code for {need}, to who uses the hub's screens",
              message(confidential_request(recipient="fuvadis", need_code=need, sealed=sealed_to("fuvadis"))),
              "confidential_needs_own_key", "data.recipient")
      for need in ("gbv.case_management", "health.consultation")),
    refused("the same in version 1", confidential_of_version_1, "confidential_needs_own_key", "data.recipient"),
]  # fmt: skip


def naming(fragment: bytes) -> Callable[[], bytes]:
    """A message that names its system in the very first field, as it stands here."""
    return lambda: b"{" + fragment + b"," + message()()[1:]


NAMED = [
    admitted("one of its organisation's systems", message(system="crm"), "service.published.v2", named="crm"),
    admitted("a system that is null is none", message(system=None), "service.published.v2"),
    refused("another's system", message(source="iom", system="crm"), "not_allowed", "type", sender="iom"),
    refused("a system that nobody has", message(system="gone"), "unknown_system", "system"),
    refused("a system of another's", message(system="events"), "unknown_system", "system"),
    refused("a system by its address", message(system="redcross.crm"), "invalid_field", "system"),
    refused("a system that is a list", message(system=["crm"]), "invalid_field", "system"),
    refused("all systems", message(system="*"), "invalid_field", "system"),
    admitted("the system of its key", message(system="crm"), "service.published.v2", system="crm", named="crm"),
    refused("another system than its key's", message(system="attendance"), "another_system", "system", system="crm"),
    refused("a system that nobody has, with a key of one", message(system="gone"), "another_system", "system",
            system="crm"),
    admitted("a key's system, where it names none", message(), "service.published.v2", system="crm", named="crm"),
    admitted("the same, where something else is called so", message(extra={"system": 1}, other="system"),
             "service.published.v2", system="crm", named="crm"),
    admitted("the same, with spaces before it", lambda: b" \r\n\t{ \n" + message()()[1:], "service.published.v2",
             system="crm", named="crm"),
    refused("a key's system taken back", message(system=None), "another_system", "system", system="crm"),
    refused("a key's system in other letters", naming(b'"\\u0073ystem":"attendance"'), "another_system", "system",
            system="crm"),
    refused("two systems, the second another's", lambda: naming(b'"system":"crm"')()[:-1] + b',"system":"attendance"}',
            "another_system", "system", system="crm"),
    refused("no event, with a key of a system", lambda: b" {} ", "not_cloudevents", "specversion", system="crm"),
    refused("no object, with a key of a system", lambda: b'["system"]', "not_cloudevents", system="crm"),
    refused("nothing, with a key of a system", lambda: b"", "not_json", system="crm"),
    refused("half an object, with a key of a system", lambda: b'{"', "not_json", system="crm"),
    refused("256 KiB without the system of its key", long(256 * 1024), "too_large", system="crm"),
]  # fmt: skip

CASES = [
    admitted("a good message", message(), "service.published.v2"),
    admitted("a good message in other words for its media type", message(), "service.published.v2",
             media_type="Application/CloudEvents+JSON; charset=UTF-8"),
    admitted("what an organisation handles itself", message(contracts.JornadaConfirmed(jornada_id=ID,
             organiser="americares")), "to.americares.jornada.confirmed.v1"),
    refused("no media type", message(), "content_type", media_type=None),
    refused("another media type", message(), "content_type", media_type="application/json"),
    refused("another charset", message(), "content_type", media_type=f"{CONTENT_TYPE}; charset=latin-1"),
    refused("a batch's media type", message(), "content_type", media_type="application/cloudevents-batch+json"),
    refused("another's source", message(source="iom"), "forged_sender", "source"),
    refused("the hub's source", message(source="hub"), "forged_sender", "source"),
    refused("a source of other letters", message(source="r\u0435dcross"), "not_cloudevents", "source"),
    refused("a URI as its source", message(source="https://ruta.example/x"), "source_not_organisation", "source"),
    refused("what it may not send", message(source="iom"), "not_allowed", "type", sender="iom"),
    refused("what only the hub says", message(contracts.PersonErased(person_id=ID, erased_at=WHEN)), "not_allowed",
            "type"),
    *(admitted(f"what {one} may say, as it may coordinate", message(UNDONE, source=one), "match.undone.v1", sender=one)
      for one in ("centre", "second")),
    *(refused(f"what {one} may not say, as it may not both send it and coordinate", message(UNDONE, source=one),
              "not_allowed", "type", sender=one) for one in ("sends-only", "may-only", "iom")),
    admitted("who may refer to some, to one of them",
             message(referral_requested(sealed=sealed_to("iom")), source="narrow"), "referral.requested.v2",
             sender="narrow"),
    refused("who may refer to some, to nobody else", message(referral_requested(recipient="centre"), source="narrow"),
            "recipient_not_allowed", "data.recipient", sender="narrow"),
    admitted("several at a time", message(needs_referred(need_referred(), need_referred(recipient="fuvadis")),
             source="narrow"), "needs.referred.v1", sender="narrow"),
    refused("nor one of several", message(needs_referred(need_referred(), need_referred(recipient="centre")),
            source="narrow"), "recipient_not_allowed", "data.referrals.1.recipient", sender="narrow"),
    refused("nor whom it met at a jornada", attendance_that_refers(), "recipient_not_allowed",
            "data.needs.0.refer.recipient", sender="narrow"),
    refused("who is suspended", message(source="paused"), "suspended", sender="paused"),
    refused("who is of no network", message(source="nobody"), "not_allowed", "type", sender="nobody"),
    refused("an unknown contract", message(type="person.photographed.v1"), "unknown_contract", "type"),
    refused("an unknown version", message(type="service.published.v9"), "unknown_version", "type"),
    refused("no event", lambda: b"{}", "not_cloudevents", "specversion"),
    refused("no object", lambda: b"[]", "not_cloudevents"),
    refused("nothing", lambda: b"", "not_json"),
    admitted("32 levels", deep(32), "service.published.v2"),
    refused("33 levels", deep(33), "too_deep"),
    refused("100,000 brackets", deep(100_001), "too_deep"),
    refused("100,000 brackets that nobody closes", lambda: b"[" * 100_000, "too_deep"),
    admitted("1,900 objects beside each other", raw(b"[" + b"{}," * 1_900 + b"{}]"), "service.published.v2"),
    refused("20,000 objects beside each other", raw(b"[" + b"{}," * 20_000 + b"{}]"), "too_many_values"),
    refused("100,000 numbers", raw(b"[" + b"1," * 100_000 + b"1]"), "too_many_values"),
    refused(
        "80,000 lists in what is no event",
        lambda: b'{"specversion":"1.0","type":"services.sought.v1","a":[' + b"[]," * 80_000 + b"[]]}",
        "too_many_values",
    ),
    refused(
        "1,900 lists in what is no event",
        lambda: b'{"specversion":"1.0","type":"services.sought.v1","a":[' + b"[]," * 1_900 + b"[]]}",
        "not_cloudevents",
        "id",
    ),
    refused("a number that is none", raw(b"NaN"), "not_json"),
    refused("a number without end", raw(b"-Infinity"), "not_json"),
    refused("a NUL", raw(b'"a\\u0000b"'), "nul_character"),
    refused("a NUL in the name of a field", lambda: message()()[:-1] + b',"a\\u0000":1}', "nul_character"),
    refused("a NUL as it is", raw(b'"a\0b"'), "not_json"),
    refused("half a surrogate", raw(b'"\\ud800"'), "not_json"),
    refused("half a surrogate in a text", with_data(name="Consulta \ud800"), "not_json"),
    refused("a byte order mark", lambda: b"\xef\xbb\xbf" + message()(), "not_json"),
    refused("UTF-16", lambda: message()().decode().encode("utf-16"), "not_utf8"),
    refused("no UTF-8", lambda: message()().replace(b"Consulta", b"Consult\xff"), "not_utf8"),
    admitted("256 KiB", long(256 * 1024), "service.published.v2"),
    refused("257 KiB", long(257 * 1024), "too_large"),
    refused("a time without zone", message(time="2026-03-02T09:00:00"), "time_without_zone", "time"),
    refused("a time that is a number", message(time=1772442000), "invalid_field", "time"),
    refused("another's subject", message(subject=str(ID)), "invalid_field", "subject"),
    *SEALED,
    *CONFIDENTIAL,
    *NAMED,
]  # fmt: skip
