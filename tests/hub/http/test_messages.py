"""POST /v1/messages, message by message: what is accepted, repeated, refused; in each form that CloudEvents has."""

import json
import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pytest

import contracts
from tests.hub.http.entrance import BATCH, PATH, Answered, Client, Entrance
from tests.messaging.harness import service_published

STRUCTURED = {"content-type": "application/cloudevents+json"}
MESSAGE = service_published()
RAW = MESSAGE.to_json()
DOCUMENT: Mapping[str, Any] = json.loads(RAW)
BAD = b'{"specversion":"1.0"}'


def data_of(message: contracts.Message) -> bytes:
    """The data as its sender may write them: not as we would."""
    return json.dumps(json.loads(message.to_json())["data"], indent=1).encode()


def binary(message: contracts.Message, **more: str | None) -> dict[str, str]:
    """The headers of a message in binary form."""
    document = {name: value for name, value in json.loads(message.to_json()).items() if isinstance(value, str)}
    del document["datacontenttype"]
    headers = {f"ce-{name}": value for name, value in document.items()} | {"content-type": "application/json"}
    given = {name.replace("_", "-"): value for name, value in more.items()}
    return {name: value for name, value in {**headers, **given}.items() if value is not None}


def test_a_message_is_accepted_and_goes_out_as_it_came(entrance: Entrance, redcross: Client) -> None:
    message = service_published()
    answered = redcross.post(message)
    assert answered.status == 202
    assert answered.json["id"] == str(message.id)
    assert answered.json["status"] == answered.headers["location"] == f"/v1/messages/{message.id}"
    assert entrance.arrived(1) == [message.to_json()]


def test_the_same_bytes_again_are_a_repeat_with_the_first_time_and_go_out_once(
    entrance: Entrance, redcross: Client
) -> None:
    message = service_published()
    first, again = redcross.post(message), redcross.post(message)
    assert (first.status, again.status) == (202, 200)
    assert again.json == {**first.json, "repeated": True}
    assert entrance.arrived(1) == [message.to_json()]


def test_what_is_said_again_after_its_body_may_be_gone_is_a_repeat_and_goes_out_again(
    entrance: Entrance, redcross: Client
) -> None:
    message = service_published()
    other = service_published("other", message_id=message.id)
    redcross.post(message)
    entrance.query(
        "update submission set accepted_at = accepted_at - interval '25 hours' where message_id = %s", (message.id,)
    )
    assert redcross.post(other).status == 409

    again = redcross.post(message)

    assert (again.status, again.json["repeated"]) == (200, True)
    assert entrance.arrived(2) == [message.to_json()] * 2


def test_an_id_used_again_with_other_bytes_is_refused(entrance: Entrance, redcross: Client) -> None:
    message = service_published()
    other = service_published("other", message_id=message.id)
    redcross.post(message)
    answered = redcross.post(other)
    assert (answered.status, answered.code) == (409, "id_reused")
    assert entrance.arrived(1) == [message.to_json()]


@pytest.mark.parametrize(
    "text", ['=HYPERLINK("x")', "+57", "@x", "\ttab", "-1", "a\r\nBcc: x", "<script>", "' or 1=1 --"]
)
def test_what_means_something_elsewhere_goes_out_as_it_came(entrance: Entrance, redcross: Client, text: str) -> None:
    raw = json.dumps({**json.loads(service_published().to_json()), "note": text}).encode()
    assert redcross.post(raw).status == 202
    assert entrance.arrived(1) == [raw]


def test_a_key_of_one_system_speaks_as_that_system(entrance: Entrance) -> None:
    entrance.add_key("ruta_live_redcross_of-a-system", "redcross", "attendance")
    message = service_published()
    client = entrance.client(key="ruta_live_redcross_of-a-system")
    while client.post(message).status == 401:  # it is known within a second
        pass
    rows = entrance.query("select system from submission where message_id = %s", (message.id,))
    assert rows == [{"system": "attendance"}]
    (arrived,) = entrance.arrived(1, queue="submitted.redcross.attendance")
    assert contracts.parse(arrived) == message.model_copy(update={"system": "attendance"})
    again = client.post(message)
    assert (again.status, again.json["repeated"]) == (200, True)


def test_a_key_of_one_system_is_not_used_in_anothers_name(entrance: Entrance) -> None:
    entrance.add_key("ruta_live_redcross_of-another", "redcross", "attendance")
    client = entrance.client(key="ruta_live_redcross_of-another")
    message = service_published().model_copy(update={"system": "crm"})
    while (refused := client.post(message)).status == 401:
        pass
    assert (refused.status, refused.code, refused.json["where"]) == (403, "another_system", "system")


def test_without_a_key_of_its_own_a_system_of_the_organisation_may_be_named(
    entrance: Entrance, redcross: Client
) -> None:
    message = service_published().model_copy(update={"system": "attendance"})
    assert redcross.post(message).status == 202
    assert entrance.arrived(1) == [message.to_json()]
    rows = entrance.query("select system from submission where message_id = %s", (message.id,))
    assert rows == [{"system": "attendance"}]
    unknown = redcross.post(service_published().model_copy(update={"system": "gone"}))
    assert (unknown.status, unknown.code) == (403, "unknown_system")


# -- what is refused ---------------------------------------------------------------------------------------------------

REFUSED: dict[str, tuple[bytes, Mapping[str, str], int, str, str | None]] = {
    "another's source": (RAW.replace(b'"redcross"', b'"iom"'), STRUCTURED, 403, "forged_sender", "source"),
    "not its contract": (
        RAW.replace(b"service.published.v2", b"person.erased.v1"),
        STRUCTURED,
        422,
        "invalid_field",
        "",
    ),
    "no JSON": (b"{", STRUCTURED, 400, "not_json", None),
    "nothing": (b"", STRUCTURED, 400, "not_json", None),
    "NaN": (RAW[:-1] + b',"x":NaN}', STRUCTURED, 400, "not_json", None),
    "NUL": (RAW[:-1] + b',"x":"\\u0000"}', STRUCTURED, 400, "nul_character", None),
    "a lone surrogate": (RAW[:-1] + b',"x":"\\ud800"}', STRUCTURED, 400, "not_json", None),
    "a BOM": (b"\xef\xbb\xbf" + RAW, STRUCTURED, 400, "not_json", None),
    "Latin-1": (RAW[:-1] + b',"x":"\xe9"}', STRUCTURED, 400, "not_utf8", None),
    "33 levels": (RAW[:-1] + b',"x":' + b"[" * 33 + b"]" * 33 + b"}", STRUCTURED, 400, "too_deep", None),
    "100,000 brackets": (b"[" * 100_000, STRUCTURED, 400, "*", None),
    "257 KiB": (RAW[:-1] + b',"x":"' + b"x" * 257 * 1024 + b'"}', STRUCTURED, 413, "too_large", None),
    "gzip": (RAW, {**STRUCTURED, "content-encoding": "gzip"}, 415, "content_encoding", "Content-Encoding"),
    "br": (RAW, {**STRUCTURED, "content-encoding": "br"}, 415, "content_encoding", "Content-Encoding"),
    "plain JSON": (RAW, {"content-type": "application/json"}, 415, "content_type", "Content-Type"),
    "no type": (RAW, {}, 415, "content_type", "Content-Type"),
    "XML": (RAW, {"content-type": "application/cloudevents+xml"}, 415, "content_type", "Content-Type"),
    "UTF-16": (
        RAW,
        {"content-type": "application/cloudevents+json; charset=utf-16"},
        415,
        "content_type",
        "Content-Type",
    ),
    "two envelopes": (RAW, {**STRUCTURED, "ce-source": "iom"}, 400, "two_envelopes", "ce-source"),
    "one more attribute": (RAW, {**STRUCTURED, "ce-recipient": "iom"}, 400, "two_envelopes", "ce-recipient"),
    "an odd header": (RAW, {**STRUCTURED, "ce-of_nobody": "x"}, 400, "not_cloudevents", None),
    "a long idempotency key": (
        RAW,
        {**STRUCTURED, "idempotency-key": "k" * 10_240},
        400,
        "idempotency_key_invalid",
        "Idempotency-Key",
    ),
    "an empty idempotency key": (
        RAW,
        {**STRUCTURED, "idempotency-key": '""'},
        400,
        "idempotency_key_invalid",
        "Idempotency-Key",
    ),
    "a tab in the idempotency key": (
        RAW,
        {**STRUCTURED, "idempotency-key": "a\tb"},
        400,
        "idempotency_key_invalid",
        "Idempotency-Key",
    ),
    "no idempotency key in ASCII": (
        RAW,
        {**STRUCTURED, "idempotency-key": "ñ"},
        400,
        "idempotency_key_invalid",
        "Idempotency-Key",
    ),
    "binary with two values": (b'1,"source":"iom"', binary(MESSAGE), 400, "not_json", None),
    "binary that closes": (b'{}},{"a":{"b":1}', binary(MESSAGE), 400, "not_json", None),
    "binary without an id": (data_of(MESSAGE), binary(MESSAGE, ce_id=None), 400, "not_cloudevents", "id"),
    "binary with another's source": (
        data_of(MESSAGE),
        binary(MESSAGE, ce_source="iom"),
        403,
        "forged_sender",
        "source",
    ),
    "binary with two types": (
        data_of(MESSAGE),
        binary(MESSAGE, ce_datacontenttype="application/json"),
        400,
        "two_envelopes",
        "ce-datacontenttype",
    ),
    "binary with data in a header": (data_of(MESSAGE), binary(MESSAGE, ce_data="1"), 400, "not_cloudevents", None),
    "binary with half a percent": (
        data_of(MESSAGE),
        binary(MESSAGE, ce_subject="%4"),
        400,
        "header_encoding",
        "ce-subject",
    ),
    "binary with a broken letter": (
        data_of(MESSAGE),
        binary(MESSAGE, ce_subject="%FF"),
        400,
        "header_encoding",
        "ce-subject",
    ),
    "binary with a line end": (
        data_of(MESSAGE),
        binary(MESSAGE, ce_subject="a%0D%0Ab"),
        422,
        "invalid_field",
        "subject",
    ),
    "binary without data": (b"", binary(MESSAGE), 422, "invalid_field", "data"),
    "an empty batch": (b"[]", {"content-type": BATCH}, 400, "batch_empty", None),
    "a batch that is none": (RAW, {"content-type": BATCH}, 400, "not_a_batch", None),
    "half a batch": (b"[" + RAW, {"content-type": BATCH}, 400, "not_json", None),
    "a nested batch": (b"[[" + RAW + b"]]", {"content-type": BATCH}, 400, "batch_nested", "[0]"),
    "a batch of 101": (b"[" + b",".join([RAW] * 101) + b"]", {"content-type": BATCH}, 413, "batch_too_long", None),
    "a batch of 2 MiB": (b"[" + b" " * 2 * 1024 * 1024 + b"]", {"content-type": BATCH}, 413, "too_large", None),
    "a batch with an envelope": (
        b"[" + RAW + b"]",
        {"content-type": BATCH, "ce-source": "redcross"},
        400,
        "two_envelopes",
        None,
    ),
    "a batch of brackets": (b"[" * 100_000, {"content-type": BATCH}, 400, "*", None),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_never_become_right_is_refused_with_its_code_and_field(
    entrance: Entrance, redcross: Client, case: str
) -> None:
    body, headers, status, code, where = REFUSED[case]
    given = {name.encode().decode("latin-1"): value.encode().decode("latin-1") for name, value in headers.items()}
    answered = redcross.ask("POST", PATH, body, given)
    assert answered.status == status, answered.body
    assert answered.headers["content-type"] == "application/problem+json"
    problem = answered.json
    assert code in ("*", problem["code"])
    assert where == "" or problem.get("where") == where
    assert problem["type"] == f"/problems/{problem['code']}"
    assert problem["request_id"] == answered.headers["x-request-id"]
    assert entrance.query("select 1 from submission where message_id = %s", (MESSAGE.id,)) == []


def test_more_than_is_read_is_refused_without_reading_it(entrance: Entrance) -> None:
    answered = entrance.client().ask("POST", PATH, b"", {**STRUCTURED, "content-length": str(10**12)})
    assert (answered.status, answered.code) == (413, "too_large")


def test_a_long_body_without_a_length_is_refused_too(entrance: Entrance) -> None:
    chunk = b"%x\r\n%s\r\n" % (64 * 1024, b" " * 64 * 1024)
    answered = entrance.client().ask(
        "POST", PATH, chunk * 4 + b"1\r\n \r\n0\r\n\r\n", {**STRUCTURED, "transfer-encoding": "chunked"}
    )
    assert (answered.status, answered.code) == (413, "too_large")


@pytest.mark.parametrize("name", ["content-type", "content-encoding", "idempotency-key"])
def test_a_header_that_is_there_twice_is_refused(redcross: Client, name: str) -> None:
    headers = [("content-type", "application/cloudevents+json"), (name, "identity"), (name, "identity")]
    answered = redcross.ask("POST", PATH, RAW, headers)
    assert (answered.status, answered.code) == (400, "header_twice")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("a=1", "unknown_parameter"),
        ("limit=1e9&limit=2", "unknown_parameter"),
        ("=", "unknown_parameter"),
        ("%", "query_unreadable"),
    ],
)
def test_a_parameter_that_does_not_exist_is_refused(redcross: Client, query: str, code: str) -> None:
    answered = redcross.ask("POST", f"{PATH}?{query}", RAW, STRUCTURED)
    assert (answered.status, answered.code) == (400, code)


# -- forms -------------------------------------------------------------------------------------------------------------


def test_a_binary_message_is_one_message_around_the_untouched_data(entrance: Entrance, redcross: Client) -> None:
    message = service_published()
    data = data_of(message)
    answered = redcross.ask("POST", PATH, data, binary(message))
    assert answered.status == 202, answered.body
    (body,) = entrance.arrived(1)
    assert data in body
    assert contracts.parse(body) == message
    # in another order, and with each value written another way, it is the same message
    others = {name: f'"{value}"' for name, value in reversed(binary(message).items()) if name.startswith("ce-")}
    again = redcross.ask("POST", PATH, data, {**others, "Content-Type": 'application/json; charset="UTF-8"'})
    assert (again.status, again.json["repeated"]) == (200, True)


def test_what_is_percent_encoded_in_a_header_is_decoded_once(entrance: Entrance, redcross: Client) -> None:
    message = service_published()
    note = 'Barrio "La Paz", 50 % ñ 😀 %41'
    redcross.ask("POST", PATH, data_of(message), binary(message, ce_note=quote(note, safe="")))
    (body,) = entrance.arrived(1)
    assert json.loads(body)["note"] == note


def test_headers_that_say_the_same_as_the_message_are_no_second_envelope(entrance: Entrance, redcross: Client) -> None:
    message = service_published()
    assert redcross.post(message, ce_source="redcross", ce_id=str(message.id)).status == 202
    assert entrance.arrived(1) == [message.to_json()]


def test_each_of_a_batch_stands_for_itself(entrance: Entrance, redcross: Client) -> None:
    good, repeated, fresh = (service_published() for _ in range(3))
    redcross.post(repeated)
    other = service_published("other", message_id=repeated.id)
    spaced = json.dumps(json.loads(fresh.to_json()), indent=2).encode()
    answered = redcross.post_batch(
        [good.to_json(), BAD, repeated.to_json(), other.to_json(), b" " + spaced, good.to_json()]
    )
    assert answered.status == 207
    items = answered.json["messages"]
    assert [one["result"] for one in items] == [202, 400, 200, 409, 202, 200]
    assert items[0]["id"] == str(good.id)
    assert [one["problem"]["code"] for one in items if "problem" in one] == ["not_cloudevents", "id_reused"]
    assert Counter(entrance.arrived(3)) == Counter([repeated.to_json(), good.to_json(), spaced])


def test_a_batch_of_which_all_is_accepted_is_202_and_again_200(entrance: Entrance, redcross: Client) -> None:
    messages = [service_published() for _ in range(100)]
    bodies = [one.to_json() for one in messages]
    first, again = redcross.post_batch(bodies), redcross.post_batch(bodies)
    assert (first.status, again.status) == (202, 200)
    assert [one["id"] for one in first.json["messages"]] == [str(one.id) for one in messages]
    assert entrance.arrived(100) == bodies


# -- Idempotency-Key ---------------------------------------------------------------------------------------------------


def test_a_request_with_the_same_key_and_body_has_the_same_answer(entrance: Entrance, redcross: Client) -> None:
    message = service_published()
    first = redcross.post(message, idempotency_key='"8e03978e-40d5-43dd-bc93-6894a57f9324"')
    again = redcross.post(message, idempotency_key="8e03978e-40d5-43dd-bc93-6894a57f9324")
    assert (first.status, again.status, again.json) == (202, 202, first.json)
    assert (first.headers["idempotency-replayed"], again.headers["idempotency-replayed"]) == (None, "true")
    assert entrance.arrived(1) == [message.to_json()]


@pytest.mark.parametrize("refused", [False, True])
def test_that_an_answer_is_one_of_before_is_said_beside_an_outcome_too(
    entrance: Entrance, redcross: Client, refused: bool
) -> None:
    message = service_published()
    given = {"idempotency_key": f"waits-{refused}", "prefer": "wait=0"}
    first = redcross.post(message, **given)
    if refused:
        entrance.query(
            "insert into outcome (organisation, message_id, service, type, state, code, first_at, changed_at) "
            "values ('redcross', %s, 'referrals', 'service.published.v2', 'refused', 'not_yours', now(), now())",
            (message.id,),
        )
    again = redcross.post(message, **given)
    assert (first.status, again.status) == (202, 200 if refused else 202)
    assert (first.headers["idempotency-replayed"], again.headers["idempotency-replayed"]) == (None, "true")
    assert again.headers["preference-applied"] == "wait=0"
    assert entrance.arrived(1) == [message.to_json()]


def test_a_key_that_comes_with_another_body_is_refused_and_its_message_not_taken(
    entrance: Entrance, redcross: Client
) -> None:
    message, other = service_published(), service_published()
    redcross.post(message, idempotency_key="once")
    answered = redcross.post(other, idempotency_key="once")
    assert (answered.status, answered.code) == (422, "idempotency_key_reused")
    assert entrance.arrived(1) == [message.to_json()]
    assert other.id not in entrance.submissions()


def test_a_key_is_the_organisations_own(entrance: Entrance, redcross: Client) -> None:
    redcross.post(service_published(), idempotency_key="shared")
    answered = entrance.client("iom").post(service_published(source="iom"), idempotency_key="shared")
    assert answered.code != "idempotency_key_reused"
    entrance.empty()


def test_what_is_refused_uses_up_no_key(entrance: Entrance, redcross: Client) -> None:
    assert redcross.post(BAD, idempotency_key="again").status == 400
    assert redcross.post(service_published(), idempotency_key="again").status == 202
    entrance.empty()


def test_an_answer_is_kept_for_a_day(entrance: Entrance, redcross: Client) -> None:
    redcross.post(service_published(), idempotency_key="old")
    entrance.query("update idempotency set begun_at = begun_at - interval '25 hours' where key = 'old'")
    assert redcross.post(service_published(), idempotency_key="old").status == 202
    entrance.empty()


def test_two_bodies_at_once_with_one_key_are_one_acceptance(entrance: Entrance) -> None:
    answers: list[Answered] = []

    def say(client: Client) -> None:
        answers.append(client.post(service_published(), idempotency_key="at-once"))

    threads = [threading.Thread(target=say, args=(entrance.client(),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.status for one in answers].count(202) == 1
    assert {one.code for one in answers if one.status != 202} <= {"idempotency_in_progress", "idempotency_key_reused"}
    assert len(entrance.arrived(1)) == 1


# -- the feed's part ---------------------------------------------------------------------------------------------------


def test_a_message_is_found_by_its_id_and_its_outcome_may_be_waited_for(entrance: Entrance, redcross: Client) -> None:
    message = service_published()
    answered = redcross.post(message, prefer="wait=0")
    assert (answered.status, answered.headers["preference-applied"]) == (202, "wait=0")
    found = redcross.ask("GET", answered.json["status"])
    assert (found.status, found.json["state"], found.json["entrance"]) == (200, "accepted", "http")
    assert entrance.client("iom").ask("GET", answered.json["status"]).status == 404
    assert entrance.arrived(1) == [message.to_json()]
