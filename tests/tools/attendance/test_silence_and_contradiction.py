"""What a list says in words, under odd names, or twice, is neither lost nor taken for something else."""

import json
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest

from tools.attendance.entry import RefusedRow, check
from tools.attendance.headings import is_nobodys
from tools.attendance.rows import Row, UnusableFileError
from tools.attendance.source import open_source

DAY = date(2026, 11, 26)


@pytest.mark.parametrize("said", ["N.A.", "n. a.", "No aplica", "NINGUNO", "No tiene", "Sin dato", "no sabe"])
def test_who_says_in_words_that_there_is_nothing_has_no_surname_telephone_or_age_of_that_name(
    said: str, tmp_path: Path
) -> None:
    file = tmp_path / "list.csv"
    file.write_text(
        "nombres,apellidos,tipo_documento,numero_documento,telefono,edad,direccion\n"
        f"Ana,{said},CC,1043871234,{said},{said},{said}\n",
        encoding="utf-8",
    )
    (row,) = open_source(file).rows()
    assert isinstance(row, Row)
    entry = check(row, day=DAY)
    assert (entry.family_names, entry.phone, entry.age, entry.address) == (None, None, None, None)


def test_a_question_whose_name_begins_with_an_underscore_is_read_or_named(tmp_path: Path) -> None:
    file = tmp_path / "submission.json"
    file.write_text(
        json.dumps([{"_id": 1, "_Nombres": "Ana", "_Tel_fono": "x", "_datos/apellidos": "Prueba", "__version__": "v"}])
    )
    source = open_source(file)
    (row,) = source.rows()
    assert isinstance(row, Row)
    assert row.cells == {"nombres": "Ana"}
    assert source.survey().unread == ("_Tel_fono", "_datos/apellidos")


@pytest.mark.parametrize(
    "field",
    ["_id", "_uuid", "_version_", "__version__", "__version__001", "_submission__id", "_gps_latitude", "formhub/uuid"],
)
def test_what_kobo_says_of_a_submission_is_nobodys_answer(field: str) -> None:
    assert is_nobodys(field)


@pytest.mark.parametrize(("age", "fits"), [("10", True), ("11", True), ("12", True), ("9", False), ("36", False)])
def test_an_age_that_contradicts_the_birth_date_by_more_than_a_year_is_refused(age: str, fits: bool) -> None:
    row = Row(2, {"nombres": "Ana", "fecha_nacimiento": "2015-01-01", "edad": age})
    if fits:
        assert check(row, day=DAY).birth_date == date(2015, 1, 1)
    else:
        with pytest.raises(RefusedRow) as refused:
            check(row, day=DAY)
        assert (refused.value.code, refused.value.column) == ("several_answers", "edad")


def test_an_old_workbook_or_one_with_a_password_is_refused_with_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "list.xls"
    file.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600))
    with pytest.raises(UnusableFileError, match="save it as XLSX"):
        open_source(file)


@pytest.mark.parametrize("said", ["N/A", "--", "n.a.", "none", "no aplica"])
def test_what_is_written_in_place_of_a_yes_is_no_consent_though_all_are_said_to_have_signed(
    said: str, tmp_path: Path
) -> None:
    file = tmp_path / "list.csv"
    file.write_text(
        f"nombres,tipo_documento,numero_documento,consentimiento\nAna,CC,1043871234,{said}\n", encoding="utf-8"
    )
    (row,) = open_source(file).rows()
    assert isinstance(row, Row)
    with suppress(RefusedRow):
        assert check(row, day=DAY, all_consented=True).consent is None
