"""The XLSForm is one that KoboToolbox takes, and what it asks is what the reader of its submissions knows."""

from collections.abc import Callable
from csv import DictReader
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook
from pyxform.errors import PyXFormError
from pyxform.xls2xform import convert

from contracts import codes
from tools.attendance import form
from tools.attendance.rows import COLUMNS
from tools.attendance.spelling import plain


def save(sheets: form.Sheets, path: Path) -> Path:
    book = Workbook(write_only=True)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def test_the_form_is_valid_without_a_warning() -> None:
    converted = convert(str(form.XLSFORM))
    assert converted.warnings == []
    assert "<h:title>Jornada: quiénes vinieron</h:title>" in converted.xform


def _ask_of_an_unknown_list(sheets: form.Sheets) -> None:
    row = next(row for row in sheets["survey"] if row[1] == "sexo")
    row[0] = "select_one sexos"


def _leave_a_group_open(sheets: form.Sheets) -> None:
    sheets["survey"] = [row for row in sheets["survey"] if row[0] != "end_repeat"]


def _refer_to_nothing(sheets: form.Sheets) -> None:
    row = next(row for row in sheets["survey"] if row[1] == "edad")
    row[5] = "${cumpleanos} = ''"


def _ask_twice(sheets: form.Sheets) -> None:
    place = next(place for place, row in enumerate(sheets["survey"]) if row[1] == "edad")
    sheets["survey"].insert(place, sheets["survey"][place])


@pytest.mark.parametrize("damage", [_ask_of_an_unknown_list, _leave_a_group_open, _refer_to_nothing, _ask_twice])
def test_a_planted_mistake_in_the_form_is_caught(damage: Callable[[form.Sheets], None], tmp_path: Path) -> None:
    sheets = form.sheets()
    convert(str(save(sheets, tmp_path / "whole.xlsx")))
    damage(sheets)
    with pytest.raises(PyXFormError):
        convert(str(save(sheets, tmp_path / "broken.xlsx")))


def test_the_committed_form_is_made_from_its_tables() -> None:
    book = load_workbook(form.XLSFORM)
    for name, rows in form.sheets().items():
        committed = [["" if cell is None else str(cell) for cell in row] for row in book[name].values]
        width = len(rows[0])
        assert committed == [row + [""] * (width - len(row)) for row in rows]


def test_every_question_is_a_column_that_the_readers_know_and_the_other_way_round() -> None:
    heading, *survey = form.sheets()["survey"]
    assert heading[:2] == ["type", "name"]
    structure = {"start", "end", "today", "begin_group", "end_group", "begin_repeat", "end_repeat"}
    assert {row[1] for row in survey if row[0] not in structure} == set(COLUMNS)


@pytest.mark.parametrize("list_name", sorted(form.CODED.keys() - {"necesidad"}))
def test_a_list_of_choices_is_the_contracts_list_of_codes(list_name: str) -> None:
    _, *choices = form.sheets()["choices"]
    assert {row[1] for row in choices if row[0] == list_name} == {code.value for code in form.CODED[list_name]}


def test_a_code_is_called_as_everywhere_else() -> None:
    with (form.DEFINITION / "choices.csv").open(encoding="utf-8", newline="") as file:
        assert {row["list_name"] for row in DictReader(file) if not row[form.LABEL]} == form.CODED.keys()
    assert form.choices("necesidad")["education.school_place"] == "Cupo escolar"
    assert form.choices("paso_etpv")["ppt_denied"] == "PPT negado"


def test_the_form_offers_every_need_that_is_not_confidential() -> None:
    _, *choices = form.sheets()["choices"]
    open_needs = {code.value for code in codes.NeedCode if not codes.is_confidential(code)}
    assert {row[1] for row in choices if row[0] == "necesidad"} == open_needs


def test_no_word_means_two_choices_of_one_list() -> None:
    lists = {row[0] for row in form.sheets()["choices"][1:]} - {"municipio"}
    for list_name in lists:
        codes_of = form.words(list_name)
        for label, code in _labels(list_name):
            assert codes_of[plain(label)] == code


def _labels(list_name: str) -> list[tuple[str, str]]:
    _, *choices = form.sheets()["choices"]
    return [(row[2], row[1]) for row in choices if row[0] == list_name]
