"""5W: who did what, where, when and for whom; services delivered, by the people that they reached."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from hub.reports.rules import small_counts
from hub.reports.rules.asked import Asked
from hub.reports.rules.sheets import Cell, Column, Sheet
from hub.reports.rules.small_counts import Shown

ADULT_AT: Final = 18

COLUMNS: Final = (
    Column("organisation", "Who", "#org"),
    Column("partner", "With", "#org+partner"),
    Column("sector", "Sector", "#sector"),
    Column("need", "What", "#subsector"),
    Column("activity", "Activity", "#activity"),
    Column("jornada", "Jornada", "#activity+name"),
    Column("adm1_code", "Department code", "#adm1+code", p_code=True),
    Column("adm1_name", "Department", "#adm1+name"),
    Column("adm2_code", "Municipality code", "#adm2+code", p_code=True),
    Column("adm2_name", "Municipality", "#adm2+name"),
    Column("month", "When", "#date+month"),
    Column("indicator", "Indicator", "#indicator"),
    Column("reached", "People reached", "#reached", counts=True),
    Column("f", "Female", "#reached+f", counts=True),
    Column("m", "Male", "#reached+m", counts=True),
    Column("other", "Other or not known", "#reached+other", counts=True),
    Column("children", "Under 18", "#reached+children", counts=True),
    Column("unconfirmed", "Not confirmed", "#meta+unconfirmed", counts=True),
)
NOTES: Final = (
    "Not confirmed: said to have been served by one organisation alone; counted as reached once intake has registered "
    "them, or the list of a jornada names them.",
    *small_counts.NOTES,
)
INDICATOR: Final = "people reached, each once in a row"


@dataclass(frozen=True)
class Activity:
    """What one organisation delivered for one need in one month and municipality, at one jornada or at none."""

    organisation: str
    need_code: str
    zone: str
    """The municipality's DIVIPOLA code."""
    month: str
    """As `2021-02`."""
    reached: int
    """Different people; `f`, `m` and `other` add up to it."""
    f: int
    m: int
    other: int
    children: int
    """Who turned less than 18 in that year."""
    unconfirmed: int = 0
    """Who is said to have been served besides, and nobody else knows of; in none of the above."""
    partner: str | None = None
    """Who held the jornada, if another did."""
    activity: str = "service"
    """The programme; else the kind of the jornada; else `service`."""
    jornada: str | None = None
    """Its name."""


def show(activity: Activity, *, running_month: str) -> tuple[Shown, ...] | None:
    """Show reached, f, m, other and children; None where nothing may be shown."""
    parts = (activity.f, activity.m, activity.other, activity.children)
    if not small_counts.is_protected(activity.need_code):
        return (activity.reached, *parts)
    if activity.month >= running_month:
        return None
    return small_counts.show(activity.reached, parts, differences=[activity.reached - activity.children])


def show_unconfirmed(activity: Activity) -> Shown:
    """Show how many are said to have been served besides: a cell by itself, of which nothing is had by subtraction."""
    if not small_counts.is_protected(activity.need_code):
        return activity.unconfirmed
    return small_counts.show(activity.unconfirmed, ())[0]


def sheet(
    activities: Iterable[Activity], asked: Asked, *, places: Mapping[str, tuple[str, str]], running_month: str
) -> Sheet:
    """Make the 5W sheet; `places` has department and municipality of each DIVIPOLA code."""
    rows: list[tuple[Cell, ...]] = []
    for one in activities:
        shown = show(one, running_month=running_month)
        if shown is None or not asked.covers(one.month, one.zone):
            continue
        department, municipality = places.get(one.zone, ("", ""))
        rows.append(
            (
                one.organisation,
                one.partner,
                one.need_code.partition(".")[0],
                one.need_code,
                one.activity,
                one.jornada,
                one.zone[:2],
                department,
                one.zone,
                municipality,
                one.month,
                INDICATOR,
                *shown,
                show_unconfirmed(one),
            )
        )
    return Sheet("5w", COLUMNS, tuple(sorted(rows, key=_by_when_and_where)), NOTES)


def _by_when_and_where(row: tuple[Cell, ...]) -> tuple[str, ...]:
    by_name = dict(zip((column.name for column in COLUMNS), row, strict=True))
    order = ("month", "adm2_code", "organisation", "need", "activity", "jornada", "partner")
    return tuple(str(by_name[name] or "") for name in order)
