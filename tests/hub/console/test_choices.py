"""What is chosen in a form can be chosen otherwise, whatever stood there; what may be left out, left out."""

from typing import Final

import pytest

from hub.console.web import fields, moves, pages
from hub.console.web.acting import Asked
from hub.console.web.fields import Kind


def shown(field: fields.Field, typed: str) -> str:
    """A field as a form shows it, with what was sent before."""
    options = [(value, value) for value in field.values or ("a", "b")]
    asked = Asked(field, "Label", "", options, [typed] if typed else [], "")
    module: object = pages.environment("es").get_template("forms.html").module
    text: str = module.asked(asked)  # type: ignore[attr-defined]
    return text


EVERY_FIELD: Final = [
    pytest.param(one, id=f"{move.name}.{one.name}") for move in moves.MOVES for one in move.fields
    if one.name not in moves.KNOWN
]  # fmt: skip


@pytest.mark.parametrize("field", EVERY_FIELD)
def test_from_any_answer_that_came_back_every_other_can_be_come_to(field: fields.Field) -> None:
    for typed in ("", *field.values):
        page = shown(field, typed)
        if field.kind in (Kind.CHOICE, Kind.PARTY, Kind.REFERRAL):
            assert all(f'value="{value}"' in page for value in field.values)
            can_be_left_out = '<option value=""' in page and " required" not in page
            assert can_be_left_out or field.required, typed
        if not field.required:
            assert " required" not in page, typed
            assert 'type="radio"' not in page, typed


def test_a_planted_choice_that_nobody_can_take_back_is_found() -> None:
    optional = fields.Field("not_met_reason", Kind.CHOICE, False, values=["a", "b"])
    assert 'type="radio"' not in shown(optional, "a")
    assert 'type="radio"' in shown(fields.Field("outcome", Kind.CHOICE, True, values=["a", "b"]), "a")
