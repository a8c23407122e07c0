"""Unmet needs by zone: what people lack, how many of them were referred, and what came of it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from hub.reports.rules import small_counts
from hub.reports.rules.asked import Asked
from hub.reports.rules.sheets import Cell, Column, Sheet
from hub.reports.rules.small_counts import Shown

COLUMNS: Final = (
    Column("adm2_code", "Municipality code", p_code=True),
    Column("adm2_name", "Municipality"),
    Column("sector", "Sector"),
    Column("need", "Need"),
    Column("services", "Services there"),
    Column("identified", "People in need", counts=True),
    Column("referred", "Referred", counts=True),
    Column("met", "Met", counts=True),
    Column("waiting", "Waiting", counts=True),
    Column("unmet", "Unmet", counts=True),
)
NOTES: Final = (
    "A person counts once for a need, in the month and municipality in which it was first found.",
    "Met: a referral ended with the need met, or the service was delivered.",
    "Waiting: not met, and a referral is open. Unmet: neither.",
)


@dataclass(frozen=True)
class Needs:
    """The people in whom one need was first found in one month and municipality."""

    need_code: str
    zone: str
    """The municipality's DIVIPOLA code; empty where it is not known."""
    month: str
    identified: int
    """`met`, `waiting` and `unmet` add up to it."""
    referred: int
    met: int
    waiting: int
    """All of them are referred."""
    unmet: int


def show(needs: Needs, *, running_month: str) -> tuple[Shown, ...] | None:
    """Show identified, referred, met, waiting and unmet; None where nothing may be shown."""
    parts = (needs.referred, needs.met, needs.waiting, needs.unmet)
    if not small_counts.is_protected(needs.need_code):
        return (needs.identified, *parts)
    if needs.month >= running_month:
        return None
    if small_counts.is_confidential(needs.need_code):  # what came of them is not known here either
        return (small_counts.show(needs.identified, ())[0], *(small_counts.WITHHELD for _ in parts))
    differences = (needs.identified - needs.referred, needs.referred - needs.waiting)
    return small_counts.show(needs.identified, parts, differences=differences)


def sheet(
    found: Iterable[Needs],
    asked: Asked,
    *,
    services: Mapping[tuple[str, str], int],
    places: Mapping[str, tuple[str, str]],
    running_month: str,
) -> Sheet:
    """Make the sheet; `services` has how many active services meet a need in a zone."""
    cells: dict[tuple[str, str], list[tuple[Shown, ...]]] = defaultdict(list)
    for one in found:
        shown = show(one, running_month=running_month)
        if shown is not None and asked.covers(one.month, one.zone):
            cells[one.zone, one.need_code].append(shown)
    rows: list[tuple[Cell, ...]] = [
        (
            zone,
            places.get(zone, ("", ""))[1],
            need_code.partition(".")[0],
            need_code,
            services.get((zone, need_code), 0),
            *small_counts.add(shown),
        )
        for (zone, need_code), shown in sorted(cells.items())
    ]
    return Sheet("unmet-needs", COLUMNS, tuple(rows), (*NOTES, *small_counts.NOTES))
