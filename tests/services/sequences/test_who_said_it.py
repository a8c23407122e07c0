"""Who at an organisation said something stands wherever a service keeps which message said it, and changes nothing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import pytest

from contracts import Message
from messaging.identity import read_address
from tests.services.outcomes.cases import Case, Refused, Said
from tests.services.outcomes.stage import ANY_ID, message_of
from tests.services.outcomes.surroundings import CASES
from tests.services.sequences.comparing import differences
from tests.services.sequences.playing import End, Player

KEEP: Final[Mapping[str, set[str]]] = {
    "intake": {
        "person",
        "household",
        "consent",
        "need",
        "need_referral",
        "etpv_step",
        "rights_request",
        "match_decision",
        "graduation_rule",
        "route_history",
    },
    "referrals": {"history"},
    "events": {"history"},
    "employment": set(),  # it keeps what stands, and not which message said it
    "reports": set(),  # it keeps facts, which the hub says
}
"""The tables that keep it, by service."""

BESIDE: Final = {"message_id": "staff", "ending_message": "ending_staff", "claim_message": "claim_staff"}
"""In a row, the message that said something, and who said it."""

OF_THE_RUNTIME: Final = {"inbox", "parked", "outbox"}


def messages_of(case: Case) -> list[Message[Any]]:
    """All that is said until a case's message is done, each by another member of somebody's staff."""
    return [named(said, number) for number, said in enumerate((*case.before, case.done), 1)]


def named(said: Said, number: int) -> Message[Any]:
    """What is said as a message that says who at an organisation, and which of its systems, has said it."""
    message = message_of(said, lambda one: one, id=UUID(f"0195f000-0000-7000-8000-{number:012x}"))
    if message.source == "hub":
        return message
    return message.model_copy(update={"staff": f"S-{number}", "system": f"system-{number}"})


def play(player: Player, messages: Sequence[Message[Any]]) -> End:
    player.begin()
    for message in messages:
        player.apply((message,))
    player.come_to_rest()
    return player.end()


def kept(end: End) -> Iterator[tuple[str, Mapping[str, Any], str, Any]]:
    """Every row that keeps a message that said something: its table, itself, the message's id, and who said it."""
    for table, rows in end.rows.items():
        for row in rows if table not in OF_THE_RUNTIME else ():
            for message, staff in BESIDE.items():
                if row.get(message) is not None:
                    yield table, row, row[message], row.get(staff, "no such column")


def wrongly_kept(end: End, messages: Sequence[Message[Any]]) -> list[str]:
    """Name the tables that do not keep who said it, or somebody else, or somebody for what the hub did itself."""
    by_id = {str(message.id): message for message in messages}
    return [
        table
        for table, row, id, staff in kept(end)
        if staff != (None if row.get("organisation") == "hub" else by_id[id].staff)
    ]


@pytest.mark.parametrize("service", [name for name, tables in KEEP.items() if tables])
def test_who_said_it_is_kept_with_the_message_that_said_it(player_of: Callable[[str], Player], service: str) -> None:
    player, seen = player_of(service), set[str]()
    for case in CASES[service]:
        messages = messages_of(case)
        end = play(player, messages)
        assert wrongly_kept(end, messages) == []
        seen |= {table for table, _, _, staff in kept(end) if staff}
    assert seen == KEEP[service]


def test_what_the_hub_does_because_of_it_nobody_there_has_done(player_of: Callable[[str], Player]) -> None:
    case = next(one for one in CASES["referrals"] if one.done.of.__name__ == "ReferralCancelRequested")
    messages = messages_of(case)
    history = play(player_of("referrals"), messages).rows["history"]
    of_it = {row["organisation"]: row["staff"] for row in history if row["message_id"] == str(messages[-1].id)}
    assert of_it[messages[-1].source] == messages[-1].staff
    assert of_it.get("hub") is None


@pytest.mark.parametrize("service", CASES)
def test_it_changes_nothing_else(player_of: Callable[[str], Player], service: str) -> None:
    player = player_of(service)
    for case in CASES[service]:
        messages = messages_of(case)
        nobody = {"staff": None, "system": None}
        told, untold = play(player, messages), play(player, [one.model_copy(update=nobody) for one in messages])
        given = frozenset(ANY_ID.findall("".join(one.to_json().decode() for one in messages)))
        assert differences(without_who(told), without_who(untold), given) == []


def without_who(end: End) -> End:
    """How it has ended, but for who has said what, and for what is made of the bytes that said it."""
    told = {"digest", "triage_staff", *BESIDE.values(), "staff", "system", "recipientsystem", "to"}

    def left(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        return [{name: value for name, value in row.items() if name not in told} for row in rows]

    return End({table: left(rows) for table, rows in end.rows.items()}, left(end.said), ())


@pytest.mark.parametrize("service", CASES)
def test_what_the_hub_says_for_an_organisation_the_same_member_of_its_staff_says_by_the_same_system(
    player_of: Callable[[str], Player], service: str
) -> None:
    """What it says for itself has nobody, nor has what it says for an organisation because of another's message."""
    player = player_of(service)
    for case in CASES[service]:
        messages = messages_of(case)
        by_id = {str(message.id): message for message in messages}
        for said in play(player, messages).said:
            cause = by_id.get(said.get("causationid", ""))
            expected = cause.staff if cause and cause.source == said["source"] else None
            assert said.get("staff") == expected
            assert said.get("system") == (cause.system if expected and cause else None)


@pytest.mark.parametrize("service", CASES)
def test_what_answers_a_message_says_which_system_has_asked(player_of: Callable[[str], Player], service: str) -> None:
    """In the message and in its routing key; what another is told of it says nothing of the sender's systems."""
    player = player_of(service)
    for case in CASES[service]:
        messages = messages_of(case)
        refused = [*case.refused.before, case.refused.said] if isinstance(case.refused, Refused) else []
        for played in (messages, [named(one, number) for number, one in enumerate(refused, 1)]):
            by_id = {str(message.id): message for message in played}
            for said in play(player, played).said:
                cause = by_id.get(said.get("causationid", ""))
                asked_by = cause.system if cause and cause.source == said.get("recipient") else None
                assert said.get("recipientsystem") == asked_by
                if said["to"].startswith("to."):
                    assert read_address(said["to"]).asked_by == asked_by


def test_a_table_that_forgets_it_is_found(player_of: Callable[[str], Player]) -> None:
    """The gate itself: a fault planted in each of the ways in which a store could be wrong."""
    case = next(one for one in CASES["events"] if one.done.of.__name__ == "JornadaPlanned")
    messages = messages_of(case)
    (row,) = play(player_of("events"), messages).rows["history"]
    wrong: list[Mapping[str, Any]] = [
        {name: value for name, value in row.items() if name != "staff"},
        {**row, "staff": None},
        {**row, "staff": "S-2"},
        {**row, "organisation": "hub"},
    ]
    for one in wrong:
        assert wrongly_kept(End({"history": [one]}, (), ()), messages) == ["history"]
    assert wrongly_kept(End({"history": [row]}, (), ()), messages) == []
