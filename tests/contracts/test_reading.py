"""Reading is safe whatever arrives: one coded refusal, silent about the content."""

import contextlib
import json
import random
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contracts import MAX_BYTES, MAX_DEPTH, Invalid, parse, reading
from contracts.sealing import new_key, public_part, seal
from tests.media_types import MEDIA_TYPES

EXAMPLES = Path(__file__).parents[2] / "contracts" / "examples"
ACCEPTED = EXAMPLES / "referral.accepted.v1" / "ok-least.json"
REQUESTED = EXAMPLES / "referral.requested.v2" / "ok-a-child-with-everything.json"


def accepted(**changes: Any) -> bytes:
    """A valid message with other or further members in its envelope."""
    return json.dumps({**json.loads(ACCEPTED.read_bytes()), **changes}).encode()


def with_comment(comment: bytes) -> bytes:
    """A valid message with raw JSON in a field that no reader knows."""
    return accepted().replace(b'"data": {', b'"data": {"comment": ' + comment + b", ")


def nested(levels: int) -> bytes:
    """A valid message that is `levels` deep; the message and its data are two of them."""
    return with_comment(b"[" * (levels - 2) + b"]" * (levels - 2))


BAD = {
    "nothing": (b"", "not_json", None),
    "half a message": (accepted()[:-20], "not_json", None),
    "two messages": (accepted() + accepted(), "not_json", None),
    "a byte order mark": (b"\xef\xbb\xbf" + accepted(), "not_json", None),
    "NaN": (with_comment(b"NaN"), "not_json", None),
    "infinity": (with_comment(b"-Infinity"), "not_json", None),
    "a number of 5,000 digits": (with_comment(b"9" * 5000), "not_json", None),
    "half a surrogate pair": (with_comment(b'"\\ud800"'), "not_json", None),
    "a raw control character": (with_comment(b'"\x01"'), "not_json", None),
    "a raw NUL": (with_comment(b'"\x00"'), "not_json", None),
    "a comment": (accepted() + b"// hello", "not_json", None),
    "invalid UTF-8": (with_comment(b'"\xff\xfe"'), "not_utf8", None),
    "UTF-16": (accepted().decode().encode("utf-16"), "not_utf8", None),
    "an overlong encoding of NUL": (with_comment(b'"\xc0\x80"'), "not_utf8", None),
    "10 MB": (with_comment(b'"' + b"x" * 10_000_000 + b'"'), "too_large", None),
    "one byte too many": (accepted() + b" " * (MAX_BYTES + 1 - len(accepted())), "too_large", None),
    "one level too many": (nested(MAX_DEPTH + 1), "too_deep", None),
    "100,000 levels": (nested(100_000), "too_deep", None),
    "levels that never close": (b"[" * 200_000, "too_deep", None),
    "a NUL where nobody reads": (with_comment(b'"\\u0000"'), "nul_character", None),
    "a NUL in a name": (with_comment(b'{"a\\u0000b": 1}'), "nul_character", None),
    "a NUL in the envelope": (accepted(subject="a\0b"), "nul_character", None),
    "a list": (b"[]", "not_cloudevents", None),
    "a string": (b'"hello"', "not_cloudevents", None),
    "an empty object": (b"{}", "not_cloudevents", "specversion"),
    "an older CloudEvents": (accepted(specversion="0.3"), "not_cloudevents", "specversion"),
    "no type": (accepted(type=None), "not_cloudevents", "type"),
    "a type that is a list": (accepted(type=["referral.accepted.v1"]), "not_cloudevents", "type"),
    "an id that is a number": (accepted(id=7), "not_cloudevents", "id"),
    "an empty id": (accepted(id=""), "not_cloudevents", "id"),
    "no id": (accepted(id=None), "not_cloudevents", "id"),
    "an id that is no UUID": (accepted(id="A234-1234-1234"), "id_not_uuid", "id"),
    "a source that is a URI": (accepted(source="https://partner.example/ruta"), "source_not_organisation", "source"),
    "a source that is a part of a URI": (accepted(source="/americares"), "source_not_organisation", "source"),
    "a source in capitals": (accepted(source="Americares"), "source_not_organisation", "source"),
    "an empty source": (accepted(source=""), "not_cloudevents", "source"),
    "a source that is a number": (accepted(source=7), "not_cloudevents", "source"),
    "data twice": (accepted(data_base64="e30="), "not_cloudevents", "data_base64"),
    "data twice, once empty": (accepted(data_base64=""), "not_cloudevents", "data_base64"),
    "data twice, once in another spelling": (
        accepted(data_base64="e30=").replace(b"data_base64", b"data\\u005fbase64"),
        "not_cloudevents",
        "data_base64",
    ),
    "data in base64 alone": (accepted(data=None, data_base64="e30="), "not_cloudevents", "data_base64"),
    "a source that is no organisation": (accepted(source="Red Cross"), "not_cloudevents", "source"),
    "data that is not JSON": (accepted(datacontenttype="text/xml"), "invalid_field", "datacontenttype"),
    "an unknown contract": (accepted(type="referral.teleported.v1"), "unknown_contract", "type"),
    "a type without version": (accepted(type="referral.accepted"), "unknown_contract", "type"),
    "an unknown version": (accepted(type="referral.accepted.v2"), "unknown_version", "type"),
    "a version spelled otherwise": (accepted(type="referral.accepted.v01"), "unknown_version", "type"),
    "no data": (accepted(data=None), "invalid_field", "data"),
    "data that is a list": (accepted(data=[]), "invalid_field", "data"),
    "data of another referral": (accepted(subject="elsewhere"), "invalid_field", "subject"),
    "a sequence that is a number": (accepted(sequence=3), "invalid_field", "sequence"),
    "a sequence in other digits": (accepted(sequence="٠٠٠٠٠٠٠٠٠٣"), "invalid_field", "sequence"),
    "a negative sequence": (accepted(sequence="-000000001"), "invalid_field", "sequence"),
    "a time without zone": (accepted(time="2026-03-02T14:05:00"), "time_without_zone", "time"),
    "a time that is a number": (accepted(time=1772460300), "invalid_field", "time"),
    "a time that is a number in a string": (accepted(time="1772460300"), "invalid_field", "time"),
    "a time that is a day": (accepted(time="2026-03-02"), "invalid_field", "time"),
    "a time before any of this": (accepted(time="0001-01-01T00:00:00+14:00"), "invalid_field", "time"),
    "a time that does not exist": (accepted(time="2026-02-30T25:00:00Z"), "invalid_field", "time"),
}


@pytest.mark.parametrize(("raw", "code", "where"), BAD.values(), ids=BAD)
def test_bad_input_is_refused_with_a_code(raw: bytes, code: str, where: str | None) -> None:
    with pytest.raises(Invalid) as refusal:
        parse(raw)
    assert (refusal.value.code, refusal.value.where) == (code, where)


@pytest.mark.parametrize(("said", "is_json"), MEDIA_TYPES)
def test_data_is_json_in_utf8_however_that_is_written(said: Any, is_json: bool) -> None:
    written = said.format("application/json") if isinstance(said, str) else said
    message = accepted(datacontenttype=written)
    if is_json:
        assert parse(message) == parse(accepted())
    else:
        with pytest.raises(Invalid) as refusal:
            parse(message)
        assert (refusal.value.code, refusal.value.where) == ("invalid_field", "datacontenttype")


def test_null_says_as_much_as_what_is_absent() -> None:
    assert parse(accepted(datacontenttype=None, data_base64=None)) == parse(accepted())


def test_what_is_never_sent_is_never_written() -> None:
    assert b"data_base64" not in parse(accepted()).to_json()


def test_a_message_of_exactly_the_limits_is_read() -> None:
    assert parse(accepted() + b" " * (MAX_BYTES - len(accepted())))
    assert parse(nested(MAX_DEPTH))


def test_unknown_fields_are_ignored() -> None:
    assert parse(with_comment(b'{"lo": ["que", "sea"]}')) == parse(accepted())
    assert parse(accepted(knownlater="yes")) == parse(accepted())


def test_words_that_only_look_like_bad_numbers_are_read() -> None:
    assert parse(with_comment(b'"NaN Infinity \\\\u0000 [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["'))


def test_of_two_members_with_one_name_the_last_counts() -> None:
    raw = accepted().replace(b'"source": "americares"', b'"source": "iom", "source": "americares"')
    assert parse(raw) == parse(accepted())


def test_a_repeated_type_cannot_pass_one_contract_off_as_another() -> None:
    raw = accepted().replace(b'"type": ', b'"type": "referral.received.v1", "type": ')
    assert raw.count(b'"type"') == 2
    assert parse(raw).type == "referral.accepted.v1"


def test_a_refusal_repeats_nothing_of_the_message() -> None:
    secret = "Yuleisy Paternina"
    message = json.loads(REQUESTED.read_bytes())
    message["data"]["sealed"] = secret
    message["data"]["contact"]["language"] = secret
    with pytest.raises(Invalid) as refusal:
        parse(json.dumps(message).encode())
    assert refusal.value.__context__ is None
    assert refusal.value.__cause__ is None
    assert secret not in "".join(traceback.format_exception(refusal.value))


def test_a_message_shows_nothing_but_its_type_and_id() -> None:
    message = parse(REQUESTED.read_bytes())
    assert repr(message) == str(message) == f"<Message {message.type} {message.id}>"


def test_a_block_as_long_as_may_be_fits_into_a_message() -> None:
    message = json.loads(REQUESTED.read_bytes())
    message["data"]["sealed"] = seal({"notes": "x" * 40_000}, public_part(new_key()))
    assert parse(json.dumps(message).encode())


def test_damaged_messages_are_read_or_refused_and_nothing_else() -> None:
    chance = random.Random(20260302)  # noqa: S311 - the same damage in every run
    originals = [path.read_bytes() for path in sorted(EXAMPLES.glob("*/ok-*.json"))]
    refused = 0
    for _ in range(5000):
        damaged = bytearray(chance.choice(originals))
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(damaged))
            damaged[at : at + chance.randint(0, 6)] = chance.randbytes(chance.randint(0, 6))
        try:
            parse(bytes(damaged))
        except Invalid:
            refused += 1
    assert refused > 2000


def test_values_of_every_wrong_kind_are_refused_or_read_and_nothing_else() -> None:
    wrong: list[Any] = [
        None,
        True,
        0,
        -1,
        10**30,
        1.5,
        "",
        "\ud7ff",
        "x" * 70_000,
        [],
        [[]],
        {},
        {"a": {}},
        ["x"] * 1000,
    ]
    for path in sorted(EXAMPLES.glob("*/ok-*.json")):
        message = json.loads(path.read_bytes())
        for part in (message, message["data"]):
            for field in list(part):
                before = part[field]
                for value in wrong:
                    part[field] = value
                    with contextlib.suppress(Invalid):
                        parse(json.dumps(message).encode())
                part[field] = before


def test_an_ordinary_message_is_read_in_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def second_pass(raw: bytes) -> None:
        raise AssertionError("read twice")

    monkeypatch.setattr(reading, "_read_strictly", second_pass)
    for path in sorted(EXAMPLES.glob("*/ok-*.json")):
        parse(path.read_bytes())


def seconds_at_best(work: Callable[[], object]) -> float:
    """What the fastest of ten times takes this process: the others say how busy the machine is."""

    def once() -> float:
        began = time.process_time()
        work()
        return time.process_time() - began

    return min(once() for _ in range(10))


@pytest.mark.parametrize(
    "filling",
    [b"[" + b"0," * 120_000 + b"0]", b"[" + b"[]," * 80_000 + b"[]]", b'"' + b"\\n" * 120_000 + b'"', b"{" * 250_000],
    ids=["many numbers", "many lists", "many escapes", "braces"],
)
def test_the_longest_messages_are_refused_quickly(filling: bytes) -> None:
    raw = REQUESTED.read_bytes().replace(
        b'"services_given": [\n      "food_security.food_basket"\n    ]', b'"services_given": ' + filling
    )
    assert len(raw) > 200_000

    def refuse() -> None:
        with pytest.raises(Invalid):
            parse(raw)

    assert seconds_at_best(refuse) < 0.3


@pytest.mark.parametrize("word", [b"", b',"y":"NaN"'])
def test_a_hundred_thousand_empty_lists_that_nobody_reads_cost_no_more_than_their_bytes(word: bytes) -> None:
    """One who sends them blocks everybody at the gateway; made into objects they took a hundred times as long."""
    many = accepted().rstrip()[:-1] + b',"x":[' + b"[]," * 80_000 + b"[]]" + word + b"}"

    def refuse() -> None:
        with pytest.raises(Invalid, match="too_many_values"):
            parse(many)

    assert seconds_at_best(refuse) < 0.03
