"""Renders the receipt of a consent as one page to print, in Spanish and in the language in which it was explained."""

import tomllib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from functools import cache
from html import escape
from pathlib import Path
from string import Template
from typing import Any, Final

import segno

import contracts
from contracts import codes, label
from contracts.words import capital

HERE: Final = Path(__file__).parent
SPANISH: Final = "es"
COLOMBIA: Final = timezone(timedelta(hours=-5))  # all year round

HEADINGS: Final = ("recipients", "purposes", "field_groups", "how_long", "withdraw", "code", "number")

Strings = Mapping[str, Any]


def receipt_page(receipt: contracts.ConsentReceiptIssued, *, names: Mapping[str, str]) -> str:
    """Return a page of HTML that needs nothing besides itself; who prints it, prints A4 or letter.

    `names` has the organisations' names by their ids; one that it lacks is called by its id. The page says nothing
    of the person: neither who they are nor of which id or case.
    """
    languages = [one for one in dict.fromkeys((SPANISH, receipt.language)) if one in all_strings()]
    receipts = "\n".join(_receipt(receipt, language, names=names) for language in languages)
    return _template("page.html").substitute(title=escape(all_strings()[SPANISH]["title"]), receipts=receipts)


def qr_text(receipt: contracts.ConsentReceiptIssued) -> str:
    """What the QR code says: the consent's id and the receipt's code, and nothing of the person."""
    return f"ruta:consent:{receipt.consent_id}:{receipt.receipt_code}"


@cache
def all_strings() -> Mapping[str, Strings]:
    """Read what receipts say, by language."""
    return tomllib.loads((HERE / "strings.toml").read_text(encoding="utf-8"))


def _receipt(receipt: contracts.ConsentReceiptIssued, language: str, *, names: Mapping[str, str]) -> str:
    strings = all_strings()[language]
    organisation = names.get(receipt.granted_to, receipt.granted_to)
    by_caregiver = receipt.given_by == codes.ConsentGivenBy.CAREGIVER
    start = _day(receipt.valid_from, strings)
    if receipt.valid_until is None:
        how_long = strings["until_withdrawn"].format(start=start)
    else:
        how_long = strings["until"].format(start=start, end=_day(receipt.valid_until, strings))
    given = strings["given"].format(manner=label(receipt.manner, language), day=_day(receipt.recorded_at, strings))
    allowed = strings["allowed_by_caregiver" if by_caregiver else "allowed"]
    coordinated = codes.ConsentPurpose.COORDINATE in receipt.purposes
    return _template("receipt.html").substitute(
        language=language,
        title=escape(strings["title"]),
        allowed=escape(allowed).format(organisation=f"<strong>{escape(organisation)}</strong>"),
        given=escape(given),
        qr=segno.make(qr_text(receipt), error="m", micro=False).svg_inline(border=1, omitsize=True),
        code=escape(receipt.receipt_code),
        recipients=_items(names.get(one, one) for one in receipt.recipients),
        purposes=_items(capital(label(one, language)) for one in receipt.purposes),
        coordinated=f"<p>{escape(strings['coordinated'])}</p>" if coordinated else "",
        field_groups=_items(capital(label(one, language)) for one in receipt.field_groups),
        how_long=escape(how_long),
        withdraw_how=_items(one.format(organisation=organisation) for one in strings["withdraw_how"]),
        number=escape(str(receipt.consent_id)),
        **{f"{name}_word": escape(strings[name]) for name in HEADINGS},
        **{name: escape(strings[name]) for name in ("withdraw_then", "rights", "keep")},
    )


def _day(moment: datetime, strings: Strings) -> str:
    day = moment.astimezone(COLOMBIA)
    return str(strings["date"]).format(day=day.day, month=strings["months"][day.month - 1], year=day.year)


def _items(texts: Iterable[str]) -> str:
    return "".join(f"<li>{escape(text)}</li>" for text in texts)


@cache
def _template(name: str) -> Template:
    return Template((HERE / name).read_text(encoding="utf-8"))
