"""The list of Referencias as a table for a spreadsheet: the same address, the same rows."""

import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.utils import get_column_letter
from starlette.responses import Response

from hub.console.store import cases
from hub.console.web import listing, showing
from hub.console.web.saying import Saying
from hub.console.web.screen import Screen
from hub.console.web.settings import Settings
from hub.console.web.visit import Visit
from hub.console.web.words import N_
from messaging.believing import COLOMBIA
from messaging.database import Row

PATH: Final = "/referencias.xlsx"
AT_MOST: Final = 5_000  # rows: beyond them the file says so
MEDIA_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
COLUMNS: Final[Sequence[tuple[str, int]]] = (
    (N_("Código"), 12),
    (N_("Necesidad"), 28),
    (N_("Servicio"), 32),
    (N_("Urgencia"), 12),
    (N_("De"), 32),
    (N_("Para"), 32),
    (N_("Estado"), 24),
    (N_("Enviada"), 18),
    (N_("Cambió"), 18),
    (N_("Plazo"), 18),
    (N_("Cita"), 18),
)
MOMENT: Final = "yyyy-mm-dd hh:mm"


def screens(settings: Settings) -> Sequence[Screen]:
    """The pages of this module."""

    def export(visit: Visit) -> Response:
        viewer, say = showing.viewer_of(visit, settings), showing.saying(visit, settings)
        asked, _ = listing.read(visit.query)
        rows = cases.referrals(visit.tx, viewer, asked, limit=AT_MOST + 1)
        return answer(visit, say, "referencias", rows)

    return (Screen("referrals_file", PATH, get=export, act="referrals_exported"),)


def answer(visit: Visit, say: Saying, name: str, rows: Sequence[Row], **details: Any) -> Response:
    """A list as a file of that name; `rows` are AT_MOST and one more, where there are more. The audit has `details`."""
    shown = rows[:AT_MOST]
    visit.note("referrals_exported", people=[row["short_code"] for row in shown], count=len(shown), **details)
    on = say.now.astimezone(COLOMBIA).date()
    headers = {"content-disposition": f'attachment; filename="{name}-{on}.xlsx"'}
    return Response(written(say, shown, has_more=len(rows) > AT_MOST), media_type=MEDIA_TYPE, headers=headers)


def written(say: Saying, rows: Iterable[Row], *, has_more: bool) -> bytes:
    """A workbook of one sheet, with a row for each referral."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(say.text(N_("Referencias")))
    sheet.freeze_panes = "A2"
    for number, (_, width) in enumerate(COLUMNS, 1):
        sheet.column_dimensions[get_column_letter(number)].width = width
    sheet.append([_text(sheet, say.text(label)) for label, _ in COLUMNS])
    for row in rows:
        sheet.append([_cell(sheet, value) for value in _values(say, row)])
    if has_more:
        said = say.text(N_("Hay más de las que caben: ponga un filtro y descárguelas por partes."))
        sheet.append([_text(sheet, said)])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _values(say: Saying, row: Mapping[str, Any]) -> Sequence[Any]:
    return (
        row["short_code"],
        say.code(row["need_code"], "NeedCode"),
        row["service_name"],
        say.code(row["urgency"], "Urgency"),
        say.organisation(row["sender"]),
        say.organisation(row["recipient"]),
        say.state(row["state"]),
        row["sent_at"],
        row["changed_at"],
        row["late_from"] or row.get("purge_by"),
        row["visit_at"],
    )


def _cell(sheet: Any, value: str | datetime | None) -> Any:
    if not value:
        return None
    if not isinstance(value, datetime):
        return _text(sheet, value)
    cell = WriteOnlyCell(sheet, value.astimezone(COLOMBIA).replace(tzinfo=None))  # a spreadsheet knows no zones
    cell.number_format = MOMENT
    return cell


def _text(sheet: Any, value: str) -> Any:
    """A cell that is text whatever it begins with: names are others' words, and `=` would be a formula."""
    cell = WriteOnlyCell(sheet, value)
    cell.data_type = "s"
    return cell
