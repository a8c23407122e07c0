"""A reader takes the whole of what somebody wrote, or refuses it: nothing in front, behind or between gets lost."""

import random
from collections.abc import Callable
from datetime import date, time

import pytest

from tools.values import UnreadableValue, days, documents, names, telephones

each = pytest.mark.parametrize


def refused(code: str, read: Callable[..., object], *said: object) -> None:
    with pytest.raises(UnreadableValue) as unreadable:
        read(*said)
    assert unreadable.value.code == code
    assert str(said[-1]) not in f"{unreadable.value!r} {unreadable.value}" or len(str(said[-1])) < 2


# -- names ------------------------------------------------------------------------------------------------------------


@each(
    "text",
    [
        "Ana María",
        "Peña",
        "D\u2019Angelo",
        "D'Angelo",
        "D\u00b4Angelo",
        "María-José",
        "Mª Ángeles",
        "M.ª Luz",
        "J. Ñáñez",
        "Ana 2",
        "Владимир",
        "محمد",
        "王小明",
        "देवी",
        "Nguyễn",
        "Þóra",
        "Ana  Luz",
    ],
)
def test_a_name_of_any_script_is_read(text: str) -> None:
    assert names.name(text) == " ".join(text.split())


def test_a_name_is_the_same_however_its_accents_are_stored() -> None:
    assert names.name("Pen\u0303a") == names.name("Pe\u00f1a") == "Pe\u00f1a"


@each(
    "text",
    [
        "",
        " ",
        "-",
        "...",
        "Pe¤a",
        "Luc¡a",
        "µngela",
        "Mar¢a",
        "PE¥A",
        "Pe±a",
        "Pe║a",
        "PeÃ±a",
        "JosÃ©",
        "LucÃ\u00ada",
        "JesÃºs",
        "Pe�a",
        "2",
        "Ana 3001234567",
        "3001234567",
        "Ana/Luz",
        "Ana, Luz",
        "Ana; Luz",
        "ana@example.org",
        "Ana\x00",
        "#N/A",
        "Ana\u200b",
        "\u202eanA",
        "😀",
        "<b>Ana</b>",
        "1.0",
        "Pe?a",
    ],
)
def test_what_nobody_is_called_is_refused(text: str) -> None:
    refused("bad_name", names.name, text)


# -- documents --------------------------------------------------------------------------------------------------------


@each(
    ("type", "text", "number"),
    [
        ("CC", "1043871234", "1043871234"),
        ("CC", " 1.043.871.234 ", "1043871234"),
        ("CC", "1 043 871 234", "1043871234"),
        ("CC", "1\u00a0043\u202f871\u00a0234", "1043871234"),
        ("CC", "1,043,871,234", "1043871234"),
        ("CC", "1043871234.0", "1043871234"),
        ("CC", "1043871234,0", "1043871234"),
        ("CC", "1043871234.00", "1043871234"),
        ("CC", "1.043.871.234,00", "1043871234"),
        ("CC", "1,043,871,234.00", "1043871234"),
        ("CC", "0073000001", "0073000001"),
        ("CE", "321.456", "321456"),
        ("PT", "4.815.162", "4815162"),
        ("PE", "912345678901234", "912345678901234"),
        ("RC", "v1b0123456", "V1B0123456"),
        ("TI", "910724-12345", "91072412345"),
        ("TI", "1.043.871.234", "1043871234"),
        ("PA", "ab 123456", "AB123456"),
        ("PA", "AB-123456", "AB123456"),
        ("PA", "12AB34567", "12AB34567"),
        ("PA", "00123456", "00123456"),
        ("PA", "123456789.0", "123456789"),
        ("foreign_id", "V-12.345.678", "V12345678"),
        ("foreign_id", "V12.345.678", "V12345678"),
        ("foreign_id", "12.345.678-K", "12345678K"),
        ("foreign_id", "001-010190-0001A", "0010101900001A"),
    ],
)
def test_a_document_number_is_read_as_it_was_issued(type: str, text: str, number: str) -> None:
    assert documents.document_number(type, text) == number


SCIENTIFIC = ["1.043871235E9", "1,04E+09", "1.04e9", "1E9", "1043871235E9", "1.043871235E+09", "1043871E09"]
NO_DIGITS = ["1043871234A", "V1B0123456", "CC 1043871234", "N° 1043871234"]
BROKEN = [
    "",
    "123",
    "0000000",
    "1" * 21,
    "10.43.871.234",
    "1.043.871.23",
    "1043871234.5",
    "104.387.00",
    "1043871234.000",
    "1043.871.234",
    "1.043,871.234",
    "-1043871234",
    "+1043871234",
    "1043871234 1043871235",
    "71234567/81234567",
    "71234567 y 81234567",
    "\u0663\u0664\u0665\u0666\u0667\u0668\u0669",
    "\uff11\uff12\uff13\uff14\uff15\uff16\uff17",
    "=1043871234",
    "nan",
    "true",
]


@each("type", ["CC", "CE", "PT", "PE", "RC", "TI", "PA", "foreign_id"])
@each("text", [*SCIENTIFIC, *BROKEN])
def test_what_is_no_document_number_of_any_type_is_refused(type: str, text: str) -> None:
    refused("bad_document_number", documents.document_number, type, text)


@each("type", ["CC", "CE", "PT", "PE"])
@each("text", NO_DIGITS)
def test_a_number_of_a_colombian_document_has_digits_only(type: str, text: str) -> None:
    refused("bad_document_number", documents.document_number, type, text)


def test_no_number_gains_or_loses_a_digit_however_it_is_grouped() -> None:
    chance = random.Random(18)  # noqa: S311
    for _ in range(500):
        number = str(chance.randrange(1000, 10**10))
        for mark in ".,":
            tail = chance.choice(["", ".0" if mark == "," else ",0"])
            assert documents.document_number("CC", f"{int(number):,}".replace(",", mark) + tail) == number
        assert documents.document_number("CC", number + chance.choice([".0", ",0", ".00", ",00"])) == number


@each(
    ("type", "number", "same"),
    [
        ("CC", "0073000001", "73000001"),
        ("TI", "01234567890", "1234567890"),
        ("PA", "00123456", "00123456"),
        ("foreign_id", "0123456", "0123456"),
    ],
)
def test_zeros_in_front_make_no_other_document_but_abroad(type: str, number: str, same: str) -> None:
    assert documents.identity_number(type, number) == same


# -- telephones -------------------------------------------------------------------------------------------------------


@each(
    ("text", "nationality", "number"),
    [
        ("300 123 4567", None, "+573001234567"),
        ("3001234567", "COL", "+573001234567"),
        ("3001234567.0", None, "+573001234567"),
        ("(605) 330-1234", None, "+576053301234"),
        ("605 330 12 34", None, "+576053301234"),
        ("300\u2013123\u20134567", None, "+573001234567"),
        ("573001234567", None, "+573001234567"),
        ("+57 300 123 4567", "VEN", "+573001234567"),
        ("(+57) 300 1234567", None, "+573001234567"),
        ("0057 300 123 4567", None, "+573001234567"),
        ("00584121234567", "VEN", "+584121234567"),
        ("0058 412 1234567", "COL", "+584121234567"),
        ("0412-1234567", "VEN", "+584121234567"),
        ("0412-1234567", None, "+584121234567"),
        ("+1 (212) 555-1234", "VEN", "+12125551234"),
        ("001 212 555 1234", None, "+12125551234"),
    ],
)
def test_a_telephone_number_is_colombian_or_says_its_country(text: str, nationality: str | None, number: str) -> None:
    assert telephones.telephone(text, nationality) == number


@each(
    "text",
    [
        "",
        "+",
        "00",
        "123",
        "3301234",
        "605 330 1234 ext. 102",
        "6053301234x102",
        "3001234567 Ana",
        "300CALLANA",
        "3.001234567E9",
        "3001234567/3109876543",
        "3001234567 - 3109876543",
        "3001234567 3109876543",
        "3001234567,3109876543",
        "3001234567\n3109876543",
        "3001234567;ext=1",
        "tel:+573001234567",
        "++573001234567",
        "57+3001234567",
        "3001234567+",
        "00005841212345678",
        "0053001234567",
        "033001234567",
        "009573001234567",
        "\u0663\u0660\u0660\u0661\u0662\u0663\u0664\u0665\u0666\u0667",
        "\uff13\uff10\uff10\uff11\uff12\uff13\uff14\uff15\uff16\uff17",
        "no tiene",
        "3001234567.5",
        "9" * 300,
    ],
)
def test_what_is_not_one_telephone_number_is_refused(text: str) -> None:
    refused("bad_phone", telephones.telephone, text)


def test_a_colombian_has_no_venezuelan_number_without_its_prefix() -> None:
    refused("bad_phone", telephones.telephone, "0412-1234567", "COL")


@each(
    ("text", "extension"),
    [
        ("605 330 1234 ext. 102", "102"),
        ("605 330 1234 Extensión 102", "102"),
        ("6053301234x102", "102"),
        ("6053301234 #102", "102"),
        ("+576053301234;ext=102", "102"),
        ("(605) 330 1234, ext 102", "102"),
        ("605 330 1234", None),
    ],
)
def test_an_extension_is_told_from_its_number(text: str, extension: str | None) -> None:
    assert telephones.telephone_and_extension(text) == ("+576053301234", extension)


@each("text", ["605 330 1234 ext.", "605 330 1234 ext 1 ext 2", "ext 102", "605 330 1234 ext abc", "6053301234x1x2"])
def test_an_extension_is_whole_too(text: str) -> None:
    refused("bad_phone", telephones.telephone_and_extension, text)


# -- days, hours, moments ---------------------------------------------------------------------------------------------


@each("text", ["2026-03-07", "2026/3/7", "7/3/2026", "07-03-2026", "7.3.2026", " 7/3/2026 "])
def test_a_day_is_read_with_the_day_before_the_month(text: str) -> None:
    assert days.day(text) == date(2026, 3, 7)


NO_DAYS = [
    "",
    "7/3/26",
    "31/02/2026",
    "03/24/2026",
    "7/3/2026x",
    "7/3-2026",
    "2026-03-07T",
    "2026-03",
    "20260307",
    "46088",
    "7 de marzo",
    "\u0667/\u0663/\u0662\u0660\u0662\u0666",
    "0000-01-01",
    "2026-03-07 2026-03-08",
    "7/3/2026 y 8/3/2026",
]


@each("read", [days.day, days.moment, days.birth_date])
@each("text", NO_DAYS)
def test_what_is_no_day_is_refused(read: Callable[[str], object], text: str) -> None:
    refused("bad_date", read, text)


@each(
    ("text", "hour"),
    [
        ("14:30", time(14, 30)),
        ("9:30", time(9, 30)),
        ("02:30:00 PM", time(14, 30)),
        ("2:30 p. m.", time(14, 30)),
        ("2:30\u00a0p.\u00a0m.", time(14, 30)),
        ("2:30\u202fp.\u202fm.", time(14, 30)),
        ("2:30 p.m", time(14, 30)),
        ("2:30pm", time(14, 30)),
        ("2 p. m.", time(14)),
        ("12:15 a. m.", time(0, 15)),
        ("12:15 p. m.", time(12, 15)),
        ("12:00 m.", time(12)),
        ("12 m.", time(12)),
        ("12:00 a.m.", time()),
        ("14:30:00.000", time(14, 30)),
        ("14:30:00.000-05:00", time(14, 30)),
        ("15:30:00-04:00", time(14, 30)),
        ("19:30Z", time(14, 30)),
        ("00:00", time()),
    ],
)
def test_an_hour_is_read_with_its_half_of_the_day(text: str, hour: time) -> None:
    assert days.hour(text) == hour


@each(
    "text",
    [
        "",
        "25:00",
        "24:00",
        "14:60",
        "14:30 a. m.",
        "14:30 p. m.",
        "0:15 a. m.",
        "13:00 m.",
        "12:15 m.",
        "2:30 p",
        "2:30 de",
        "2:30 p. m. a 4:00 p. m.",
        "9:00-11:00",
        "9:00 -11",
        "14",
        "1430",
        "14:3",
        "0.604166",
        "ayer",
        "14:30 +",
        "01:00Z",
        "14:30+99:00",
        "2:30 p. m. o 3",
        "\u0662:\u0663\u0660",
        "14:30:61",
    ],
)
def test_what_is_no_hour_or_contradicts_itself_is_refused(text: str) -> None:
    refused("bad_hour", days.hour, text)


@each(
    ("text", "day", "hour"),
    [
        ("2026-11-25", 25, None),
        ("2026-11-25 00:00:00", 25, None),
        ("25/11/2026", 25, None),
        ("2026-11-25T14:30:00.000-05:00", 25, time(14, 30)),
        ("2026-11-26T01:30:00.000Z", 25, time(20, 30)),
        ("2026-11-25T14:30", 25, time(14, 30)),
        ("25/11/2026 2:30 p. m.", 25, time(14, 30)),
        ("25/11/2026, 2:30:00 p. m.", 25, time(14, 30)),
        ("2026-11-26T02:30:00+0100", 25, time(20, 30)),
        ("2026-11-25T00:00:00-05:00", 25, time()),
    ],
)
def test_a_moment_is_a_day_and_an_hour_in_colombia(text: str, day: int, hour: time | None) -> None:
    assert days.moment(text) == days.Moment(date(2026, 11, day), hour)


@each(
    "text",
    [
        "2026-11-25T25:00",
        "2026-11-25 ayer",
        "2026-11-26T00:00:00Z",
        "2026-11-25T14:30-05:00x",
        "2026-11-25T14",
        "25/11/2026 9:00-11:00",
    ],
)
def test_what_is_no_moment_or_may_be_two_is_refused(text: str) -> None:
    refused("bad_date", days.moment, text)


@each(
    "text",
    [
        "14/02/1990",
        "1990-02-14T00:00:00",
        "1990-02-14 00:00:00.000",
        "1990-02-14T00:00:00.000Z",
        "1990-02-14T00:00:00-05:00",
        "14/02/1990 12:00 a. m.",
    ],
)
def test_a_birth_may_be_written_with_midnight(text: str) -> None:
    assert days.birth_date(text) == date(1990, 2, 14)


@each(
    "text",
    [
        "1990-02-14T14:30",
        "1990-02-14T05:00:00Z",
        "1990-02-14T00:00:00+02:00",
        "1990-02-14T00:30",
        "14/02/1990 12:00 p. m.",
        "1990-02-14T",
    ],
)
def test_a_birth_with_another_hour_may_be_of_two_days_and_is_refused(text: str) -> None:
    refused("bad_date", days.birth_date, text)


@each(
    ("text", "first", "ambiguous"),
    [
        ("07/24/1991", True, False),
        ("24/07/1991", False, False),
        ("03/04/1991", None, True),
        ("04/04/1991", None, False),
        ("1991-07-24", None, False),
        ("07/24/1991 12:00", True, False),
        ("13/13/1991", None, False),
        ("x", None, False),
    ],
)
def test_a_day_shows_whether_its_month_comes_first(text: str, first: bool | None, ambiguous: bool) -> None:
    assert (days.month_first(text), days.is_ambiguous(text)) == (first, ambiguous)
