"""What people write is read in a case of Primero as everywhere: the same tables of hostile values are tried here."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests import examples
from tests.tools.formats.test_primero import OWN, record_of, refusals
from tests.tools.values import test_values
from tools.formats import primero
from tools.formats.reading import read_json


def table(test: Callable[..., None]) -> list[Any]:
    """The values with which a test of a reader is tried."""
    (mark,) = test.pytestmark  # type: ignore[attr-defined] # pytest's decorator puts it there
    return list(mark.args[1])


def read(words: dict[str, Any] | None = None, **case: Any) -> Any:
    """Read a case that has come as JSON."""
    record = read_json(json.dumps(record_of(**case)).encode())
    return primero.case_to_drafts(
        record, consent_id=examples.CONSENT_ID, words=primero.words_with({**OWN, **(words or {})})
    )


def block_of(**case: Any) -> Any:
    return read(**case).data[0].block


@pytest.mark.parametrize("text", table(test_values.test_a_name_of_any_script_is_read))
def test_a_name_is_read_in_any_script(text: str) -> None:
    assert block_of(name_last=text).family_names == " ".join(text.split())


@pytest.mark.parametrize("text", table(test_values.test_what_nobody_is_called_is_refused))
def test_what_nobody_is_called_is_refused(text: str) -> None:
    if not text.strip():
        assert block_of(name_last=text).family_names is None
    else:
        expected = ("nul_character", None) if "\0" in text else ("invalid_field", "name_last")
        assert refusals(lambda: read(name_last=text)) == [expected]


@pytest.mark.parametrize(("type", "text", "number"), table(test_values.test_a_document_number_is_read_as_it_was_issued))
def test_a_document_number_is_read_as_it_was_issued(type: str, text: str, number: str) -> None:
    said: list[Any] = [text, int(text)] if text.isascii() and text.isdigit() and text[0] != "0" else [text]
    for one in said:
        (document,) = read({"documents": {"national_id_no": type}}, national_id_no=one).data[0].block.documents
        assert (document.type, document.number) == (type, number)


@pytest.mark.parametrize("text", [*test_values.SCIENTIFIC, *test_values.BROKEN, 1.043871235e20, -1043871234, 0, True])
def test_what_is_no_document_number_is_left_out_and_named(text: Any) -> None:
    translation = read({"documents": {"national_id_no": "CC"}}, national_id_no=text)
    assert translation.data[0].block.documents == ()
    assert ("national_id_no" in translation.dropped) is (text != "")


NATIONS = {"VEN": ["venezuela"], "COL": ["colombia"], None: None}


@pytest.mark.parametrize(
    ("text", "nationality", "number"),
    table(test_values.test_a_telephone_number_is_colombian_or_says_its_country),
)
def test_a_telephone_number_is_colombian_or_says_its_country(text: str, nationality: str | None, number: str) -> None:
    said: list[Any] = [text, int(text)] if text.isdigit() and text[0] != "0" else [text]
    for one in said:
        assert block_of(telephone_current=one, nationality=NATIONS[nationality]).phone == number


@pytest.mark.parametrize("text", table(test_values.test_what_is_not_one_telephone_number_is_refused))
def test_what_is_not_one_telephone_number_is_left_out_and_named(text: str) -> None:
    translation = read(telephone_current=text)
    assert translation.data[0].block.phone is None
    assert ("telephone_current" in translation.dropped) is (text != "")


@pytest.mark.parametrize(
    "text", [*test_values.NO_DAYS, *table(test_values.test_a_birth_with_another_hour_may_be_of_two_days_and_is_refused)]
)
def test_what_is_no_day_of_birth_is_refused(text: str) -> None:
    if text.strip():
        assert refusals(lambda: read(date_of_birth=text, age=None)) == [("invalid_field", "date_of_birth")]
    else:
        assert refusals(lambda: read(date_of_birth=text, age=None)) == [("missing", "age")]
