"""A count of one to four people in a protection sector cannot be worked out from all that the reports say.

Two proofs over random worlds. An attacker with every report for every period and place solves for what is withheld, and
every small count can still be any. And for every small count there are worlds with each other small count of which all
reports are the same to the letter, so that no attacker could tell, however clever, who knows these rules.
"""

import random
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import combinations_with_replacement, product

import pytest

from hub.reports.rules import activities, partners, small_counts, unmet_needs
from hub.reports.rules.activities import Activity
from hub.reports.rules.asked import Asked
from hub.reports.rules.partners import Sent
from hub.reports.rules.sheets import Sheet
from hub.reports.rules.small_counts import AT_LEAST, SMALL, WITHHELD, Shown
from hub.reports.rules.unmet_needs import Needs
from tests.hub.reports.attacker import MANY, Attacker

NEED = "protection.legal_advice"
MONTHS = ("2021-01", "2021-02", "2021-03")
ZONES = ("08001", "08758", "13001")
RUNNING = "2023-03"
FEW = range(1, 5)
QUERIES = [
    Asked(first, last, place)
    for (first, last), place in product(
        [(None, None), *combinations_with_replacement(MONTHS, 2)], [None, "08", "13", *ZONES]
    )
]

Kind = tuple[str, bool]  # sex, and whether a child
World = dict[tuple[str, str, Kind], int]  # how many people of a kind were served in a month and municipality
KINDS: list[Kind] = [(sex, child) for sex in ("f", "m", "other") for child in (False, True)]

# What a row says of a cell, and of which kinds of people: in the order of the sheet; adults only by subtraction.
SAYS: dict[str, list[Kind]] = {
    "reached": KINDS,
    "f": [kind for kind in KINDS if kind[0] == "f"],
    "m": [kind for kind in KINDS if kind[0] == "m"],
    "other": [kind for kind in KINDS if kind[0] == "other"],
    "children": [kind for kind in KINDS if kind[1]],
}
SECRETS = SAYS | {"adults": [kind for kind in KINDS if not kind[1]]}


def worlds(seed: int, how_many: int) -> Iterator[World]:
    """People served here and there, many and few of each kind."""
    chance = random.Random(seed)  # noqa: S311  # worlds, not secrets
    for _ in range(how_many):
        places = chance.sample(ZONES, 2)
        numbers = {place: chance.choice(((0, 0, 0, 0, 1, 2), (0, 0, 5, 6), (0, 1, 3, 5, 9))) for place in places}
        yield {
            (month, zone, kind): chance.choice(numbers[zone])
            for month in MONTHS
            for zone in places
            if chance.random() < 0.8
            for kind in KINDS
        }


def cells(world: World) -> set[tuple[str, str]]:
    return {(month, zone) for month, zone, _ in world}


def size(world: World, months: Iterable[str], zone: str, kinds: Iterable[Kind]) -> int:
    return sum(world.get((month, zone, kind), 0) for month, kind in product(months, kinds))


# ---------------------------------------------------------------------------------------------------------------------
# How the 5W sheet is published, and how it might have been
# ---------------------------------------------------------------------------------------------------------------------

Row = tuple[
    Asked, str, tuple[str, ...], tuple[Shown, ...]
]  # what was asked, the zone and months of a row, what it says
Publish = Callable[[World], list[Row]]


def activity(
    reached: int,
    f: int,
    m: int,
    other: int,
    children: int,
    *,
    need: str = NEED,
    zone: str = "08001",
    month: str = "2021-05",
) -> Activity:
    return Activity("fuvadis", need, zone, month, reached=reached, f=f, m=m, other=other, children=children)


def of_world(world: World) -> list[Activity]:
    return [
        activity(*(size(world, [month], zone, kinds) for kinds in SAYS.values()), zone=zone, month=month)
        for month, zone in sorted(cells(world))
        if size(world, [month], zone, KINDS)
    ]


def as_it_is(world: World) -> list[Row]:
    """The 5W sheet for every period and place."""
    return [
        (asked, str(row[8]), (str(row[10]),), row[12:17])  # type: ignore[misc]  # the counts; nobody here is unconfirmed
        for asked in QUERIES
        for row in activities.sheet(of_world(world), asked, places={}, running_month=RUNNING).rows
    ]


def over_periods(show: Callable[[int, list[int]], tuple[Shown, ...]]) -> Publish:
    """One row for the whole period and municipality, shown by `show`."""

    def publish(world: World) -> list[Row]:
        rows = []
        for asked in QUERIES:
            for zone in {zone for _, zone in cells(world) if asked.covers(MONTHS[0], zone) or asked.place is None}:
                months = tuple(month for month in MONTHS if asked.covers(month, zone))
                total, *parts = (size(world, months, zone, kinds) for kinds in SAYS.values())
                if total:
                    rows.append((asked, zone, months, show(total, parts)))
        return rows

    return publish


def hiding_only_what_is_small(total: int, parts: list[int]) -> tuple[Shown, ...]:
    return tuple(SMALL if small_counts.is_small(one) else one for one in (total, *parts))


def hiding_rows_of_periods(total: int, parts: list[int]) -> tuple[Shown, ...]:
    return small_counts.show(total, parts, differences=[total - parts[-1]])


def attack(rows: list[Row]) -> Attacker:
    """Tell an attacker all that rows say."""
    attacker = Attacker()
    learnt = set()
    for _, zone, months, values in rows:
        for kinds, value in zip(SAYS.values(), values, strict=True):
            unknowns = frozenset((month, zone, kind) for month, kind in product(months, kinds))
            low, high = says(value)
            if (low, high) != (0, MANY * 18) and (unknowns, low, high) not in learnt:
                learnt.add((unknowns, low, high))
                attacker.learn(unknowns, low, high)
    return attacker


def says(value: Shown) -> tuple[int, int]:
    """Between what a count lies, as a reader knows from what is shown."""
    if isinstance(value, int):
        return value, value
    if value == SMALL:
        return 1, 4
    return (0 if value == WITHHELD else int(value.removeprefix(AT_LEAST))), MANY * 18


def secrets(world: World) -> Iterator[tuple[str, str, str, int]]:
    """The counts that nobody may know: a month, a municipality, of what, and how many."""
    for month, zone in sorted(cells(world)):
        for name, kinds in SECRETS.items():
            if (few := size(world, [month], zone, kinds)) in FEW:
                yield month, zone, name, few


def found_out(world: World, publish: Publish) -> int:
    """How many small counts an attacker knows for certain."""
    attacker = attack(publish(world))
    return sum(
        len(attacker.possible([(month, zone, kind) for kind in SECRETS[name]], range(25))) == 1
        for month, zone, name, _ in secrets(world)
    )


def test_an_attacker_with_every_sheet_finds_every_small_count_still_possible() -> None:
    attacked = 0
    for world in worlds(seed=1, how_many=25):
        attacker = attack(as_it_is(world))
        for month, zone, name, _ in secrets(world):
            possible = attacker.possible([(month, zone, kind) for kind in SECRETS[name]], FEW)
            assert possible == set(FEW), (month, zone, name)
            attacked += 1
    assert attacked > 100


@pytest.mark.parametrize(
    ("hides_less", "served"),
    [
        # Seventeen women and three men in January: the men are twenty less seventeen.
        (over_periods(hiding_only_what_is_small), {("2021-01", "f"): 17, ("2021-01", "m"): 3}),
        # Two people in February: January to February less January.
        (over_periods(hiding_rows_of_periods), {("2021-01", "f"): 10, ("2021-02", "f"): 2, ("2021-03", "f"): 8}),
    ],
    ids=["less than the row", "by the period"],
)
def test_the_same_attacker_breaks_a_sheet_that_hides_less(
    hides_less: Publish, served: dict[tuple[str, str], int]
) -> None:
    world = {(month, "08001", (sex, False)): number for (month, sex), number in served.items()}
    assert found_out(world, hides_less) > 0
    assert found_out(world, as_it_is) == 0


def test_of_every_small_count_there_are_worlds_with_each_other_and_the_same_sheets() -> None:
    compared = 0
    for world in worlds(seed=3, how_many=30):
        published = as_it_is(world)
        for month, zone, name, few in secrets(world):
            for other in set(FEW) - {few}:
                assert as_it_is(with_another(world, month, zone, name, other)) == published
                compared += 1
    assert compared > 200


def with_another(world: World, month: str, zone: str, name: str, other: int) -> World:
    """The same world but for one cell: another small number of these people, and as many in all where that shows."""
    total = size(world, [month], zone, KINDS)
    if total in FEW:
        total = max(other, total)
    kind = SECRETS[name][0]
    rest = next(one for one in KINDS if one not in SECRETS[name]) if name != "reached" else kind
    changed = {key: number for key, number in world.items() if key[:2] != (month, zone)}
    changed[month, zone, kind] = other
    if name != "reached":
        changed[month, zone, rest] = total - other
    return changed


# ---------------------------------------------------------------------------------------------------------------------
# The other reports that show the same people
# ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("served_once", [True, False])
def test_the_number_of_different_people_tells_nothing_of_a_cell_that_is_not_shown(served_once: bool) -> None:
    chance = random.Random(4)  # noqa: S311
    for _ in range(300):
        shown = [chance.randint(5, 12) for _ in range(chance.randint(0, 3))]
        hidden = [chance.choice(FEW) for _ in range(chance.randint(1, 3))]
        for publication, others in same_number(shown, hidden, chance, served_once=served_once):
            for at in range(len(hidden)):
                assert {other[at] for other in others} == set(FEW), (shown, hidden, publication)


def same_number(
    shown: list[int], hidden: list[int], chance: random.Random, *, served_once: bool
) -> Iterator[tuple[Shown, list[tuple[int, ...]]]]:
    """What is shown of the number of people in all, and all hidden cells with which the same would be shown."""
    totals: list[Shown] = [*shown, *(SMALL for _ in hidden)]
    most = sum(shown) + sum(hidden)
    people = most if served_once else chance.randint(max((*shown, *hidden)), most)
    publication = small_counts.show_people(people, totals)
    yield (
        publication,
        [
            others
            for others in product(FEW, repeat=len(hidden))
            if any(
                small_counts.show_people(number, totals) == publication
                for number in range(max((*shown, *others)), sum(shown) + sum(others) + 1)
            )
        ],
    )


def test_a_sum_that_says_all_gives_a_hidden_cell_away() -> None:
    """The fault that the rule for sums is there for: 27 shown, one cell of less than five, 31 people in all."""
    attacker = Attacker()
    attacker.learn(["hidden"], *says(SMALL))
    attacker.learn(["shown"], 27, 27)
    attacker.learn(["shown", "hidden"], *says(small_counts.show_people(31, [27, SMALL])))
    assert attacker.possible(["hidden"], FEW) == set(FEW)
    attacker.learn(["shown", "hidden"], 31, 31)
    assert attacker.possible(["hidden"], FEW) == {4}


def unmet(found: list[Needs]) -> list[Sheet]:
    return [unmet_needs.sheet(found, asked, services={}, places={}, running_month=RUNNING) for asked in QUERIES]


# How a person in need fares: whether referred, and what became of the need.
FATES = ("met", "met, referred", "waiting, referred", "unmet", "unmet, referred")
OF_FATE: dict[str, Callable[[str], bool]] = {
    "identified": lambda fate: True,
    "referred": lambda fate: fate.endswith("referred"),
    "not referred": lambda fate: not fate.endswith("referred"),
    "met": lambda fate: fate.startswith("met"),
    "waiting": lambda fate: fate.startswith("waiting"),
    "unmet": lambda fate: fate.startswith("unmet"),
    "referred and not waiting": lambda fate: fate.endswith("referred") and not fate.startswith("waiting"),
}


def needs(month: str, zone: str, fates: dict[str, int]) -> Needs:
    counts = {
        name: sum(number for fate, number in fates.items() if OF_FATE[name](fate))
        for name in ("identified", "referred", "met", "waiting", "unmet")
    }
    return Needs(NEED, zone, month, **counts)


def test_of_every_small_count_of_needs_there_are_worlds_with_each_other_and_the_same_sheets() -> None:
    chance = random.Random(5)  # noqa: S311
    compared = 0
    for _ in range(12):
        world = {
            (month, zone): {fate: chance.choice((0, 0, 2, 4, 5, 8)) for fate in FATES}
            for month, zone in product(MONTHS, ZONES[:2])
        }
        world = {place: fates for place, fates in world.items() if sum(fates.values())}
        published = unmet([needs(*place, fates) for place, fates in world.items()])
        for place, fates in world.items():
            for belongs in OF_FATE.values():
                few = sum(number for fate, number in fates.items() if belongs(fate))
                for other in set(FEW) - {few} if few in FEW else ():
                    total = sum(fates.values())
                    total = max(total, other) if total in FEW else total
                    inside = next(fate for fate in FATES if belongs(fate))
                    outside = next((fate for fate in FATES if not belongs(fate)), inside)
                    changed = world | {place: {outside: total - other} | {inside: other}}
                    assert unmet([needs(*where, one) for where, one in changed.items()]) == published
                    compared += 1
    assert compared > 200


NOW = datetime(2023, 3, 2, tzinfo=UTC)
ENDS = ("accepted", "declined", "expired", "sent", "cancelled")


def sent(month: str, zone: str, end: str, need: str = NEED, *, escalated: bool = False) -> Sent:
    at = datetime.fromisoformat(f"{month}-10T12:00:00+00:00")
    answered = at + timedelta(hours=5) if end in ("accepted", "declined") else None
    due = at + timedelta(days=14)
    return Sent(
        "iom", need, zone, month, end, at, due, at, answered, None, end == "accepted", None, (at,) if escalated else ()
    )


def partner_sheets(referrals: list[Sent]) -> list[Sheet]:
    return [partners.sheet(referrals, asked, now=NOW, running_month=RUNNING) for asked in QUERIES]


def test_referrals_that_are_few_leave_no_trace_but_that_something_is_withheld() -> None:
    chance = random.Random(6)  # noqa: S311
    compared = 0
    for _ in range(15):
        world = {
            place: [end for end in ENDS for _ in range(chance.choice((0, 0, 3, 5, 7)))]
            for place in product(MONTHS, ZONES[:2])
        }
        others = [sent("2021-02", "08001", "accepted", "health.consultation")] * chance.randint(0, 3)

        def publish(world: dict[tuple[str, str], list[str]], others: list[Sent] = others) -> list[Sheet]:
            return partner_sheets([*others, *(sent(*place, end) for place, ends in world.items() for end in ends)])

        published = publish(world)
        for place, ends in world.items():
            for end in ENDS:
                if ends.count(end) not in FEW:
                    continue
                for other in set(FEW) - {ends.count(end)}:
                    changed = [one for one in ends if one != end] + [end] * other
                    assert publish(world | {place: changed}) == published
                    compared += 1
    assert compared > 50


@pytest.mark.parametrize("all_but", [False, True])
def test_how_few_were_escalated_or_were_not_leaves_no_trace(all_but: bool) -> None:
    place = next(iter(product(MONTHS, ZONES[:2])))
    published = {
        tuple(
            map(repr, partner_sheets([sent(*place, "accepted", escalated=(one < few) != all_but) for one in range(12)]))
        )
        for few in FEW
    }
    assert len(published) == 1


# ---------------------------------------------------------------------------------------------------------------------
# What is shown
# ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("need", "counts", "shown"),
    [
        ("protection.legal_advice", (4, 4, 0, 0, 0), (SMALL, *[WITHHELD] * 4)),
        ("child_protection.youth_activity", (20, 17, 3, 0, 20), (20, *[WITHHELD] * 4)),
        ("gbv.case_management", (20, 12, 8, 0, 17), (20, *[WITHHELD] * 4)),  # three of them are no children
        ("trafficking_and_smuggling.assistance", (5, 5, 0, 0, 0), (5, 5, 0, 0, 0)),
        ("protection.legal_advice", (20, 12, 8, 0, 9), (20, 12, 8, 0, 9)),
        ("health.consultation", (4, 3, 1, 0, 2), (4, 3, 1, 0, 2)),
    ],
)
def test_a_cell_is_shown_whole_or_by_its_total_or_not_at_all(
    need: str, counts: tuple[int, int, int, int, int], shown: tuple[Shown, ...]
) -> None:
    assert activities.show(activity(*counts, need=need), running_month=RUNNING) == shown


@pytest.mark.parametrize(("month", "is_shown"), [("2023-02", True), ("2023-03", False), ("2023-04", False)])
def test_the_running_month_of_a_protection_sector_is_not_shown(month: str, is_shown: bool) -> None:
    served = activity(20, 20, 0, 0, 0, month=month)
    assert (activities.show(served, running_month=RUNNING) is not None) == is_shown
    needs_of_month = Needs(NEED, "08001", month, 20, 0, 0, 0, 20)
    assert (unmet_needs.show(needs_of_month, running_month=RUNNING) is not None) == is_shown


@pytest.mark.parametrize(
    ("added", "total"),
    [
        ([(7, 5), (6, 6)], (13, 11)),
        ([(7, 5), (6, WITHHELD)], (13, "≥5")),
        ([(7, 5), (SMALL, WITHHELD)], ("≥7", "≥5")),
        ([(SMALL, WITHHELD)], (SMALL, WITHHELD)),
        ([(SMALL, WITHHELD), (SMALL, WITHHELD)], (WITHHELD, WITHHELD)),
    ],
)
def test_a_sum_is_made_of_what_is_shown(added: list[tuple[Shown, ...]], total: tuple[Shown, ...]) -> None:
    assert small_counts.add(added) == total


@pytest.mark.parametrize(
    ("people", "totals", "shown"),
    [
        (111, [60, 51], 111),
        (111, [60, 48, SMALL], "≥108"),
        (90, [60, 48, SMALL], "≥90"),
        (7, [SMALL, SMALL], WITHHELD),
        (4, [SMALL], SMALL),
        (0, [], 0),
    ],
)
def test_different_people_are_no_more_than_the_shown_cells_add_up_to(
    people: int, totals: list[Shown], shown: Shown
) -> None:
    assert small_counts.show_people(people, totals) == shown
