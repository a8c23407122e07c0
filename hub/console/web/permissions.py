"""Who may come to which page: the one table, by the names of routes. With one that lacks there, nothing starts.

Whoever has no permission is answered as for a page that does not exist.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What a member of staff does."""

    COORDINATOR = "coordinator"
    PARTNER_STAFF = "partner_staff"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"
    OPERATIONS = "operations"


ANYBODY: Final = None
"""Also who has not come in."""
ALL_STAFF: Final = frozenset(Role)
OF_THE_CENTRE: Final = ALL_STAFF - {Role.PARTNER_STAFF}
"""What only staff of an organisation that coordinates may be: they see more than what concerns their own."""
OF_CASES: Final = frozenset({Role.COORDINATOR, Role.PARTNER_STAFF})

MAY: Final[Mapping[str, frozenset[Role] | None]] = {
    "static": ANYBODY,
    "stopped": ANYBODY,
    "language": ANYBODY,
    "login": ANYBODY,
    "logout": ANYBODY,
    "lock": ANYBODY,
    "unlock": ANYBODY,
    "emergency": ANYBODY,
    "enrolment": ANYBODY,
    "enrolment_form": ANYBODY,
    "enrolment_qr": ANYBODY,
    "nothing": ALL_STAFF,
    "home": ALL_STAFF,
    "draft": ALL_STAFF,
    "today": OF_CASES,
    "work": OF_CASES,
    "work_file": OF_CASES,
    "referrals": OF_CASES | {Role.AUDITOR},
    "referrals_file": OF_CASES | {Role.AUDITOR},
    "views": OF_CASES | {Role.AUDITOR},
    "view_dropped": OF_CASES | {Role.AUDITOR},
    "search": OF_CASES,
    "found": OF_CASES,
    "case": OF_CASES | {Role.AUDITOR},
    "looks": frozenset({Role.COORDINATOR, Role.AUDITOR}),
    "agenda": OF_CASES,
    "holder": OF_CASES,
    "absence": OF_CASES,
    "absence_ended": OF_CASES,
    "act": OF_CASES,
    "redirect": OF_CASES,
    "act_done": OF_CASES,
    "act_undone": OF_CASES,
    "chase_all": frozenset({Role.COORDINATOR}),
    "acts_done": frozenset({Role.COORDINATOR}),
    "acts_undone": frozenset({Role.COORDINATOR}),
    "person": OF_CASES,
    "notices": OF_CASES,
    "notices_code": OF_CASES,
    "office": frozenset({Role.COORDINATOR, Role.ADMINISTRATOR}),
    "office_code": frozenset({Role.COORDINATOR, Role.ADMINISTRATOR}),
    "alerts": frozenset({Role.OPERATIONS}),
    "messages": frozenset({Role.OPERATIONS}),
    "message": frozenset({Role.OPERATIONS}),
    "state": frozenset({Role.OPERATIONS}),
    "queues": frozenset({Role.OPERATIONS}),
    "organisations": frozenset({Role.OPERATIONS}),
    "topology": frozenset({Role.OPERATIONS}),
    "failures": frozenset({Role.OPERATIONS}),
    "operation": frozenset({Role.OPERATIONS}),
    "operation_stopped": frozenset({Role.OPERATIONS}),
    "replays": frozenset({Role.OPERATIONS}),
    "replay": frozenset({Role.OPERATIONS}),
    "replay_stopped": frozenset({Role.OPERATIONS}),
    "replay_resumed": frozenset({Role.OPERATIONS}),
    "replay_reviewed": frozenset({Role.OPERATIONS}),
    "waits": frozenset({Role.OPERATIONS}),
    "audit": frozenset({Role.AUDITOR, Role.ADMINISTRATOR, Role.OPERATIONS}),
    "recovery": frozenset({Role.ADMINISTRATOR}),
}


class UndeclaredError(Exception):
    """Routes and the table of permissions do not agree; says which."""


def check(routes: Iterable[str], may: Mapping[str, frozenset[Role] | None] = MAY) -> None:
    """Hold the names of routes against the table. Raises UndeclaredError."""
    counted = Counter(routes)
    wrong = [f"{name} has no permission" for name in sorted(counted.keys() - may.keys())]
    wrong += [f"{name} is no route" for name in sorted(may.keys() - counted.keys())]
    wrong += [f"{name} is there twice" for name, count in sorted(counted.items()) if count > 1]
    wrong += [f"nobody may come to {name}" for name, roles in sorted(may.items()) if roles == frozenset()]
    if wrong:
        raise UndeclaredError("; ".join(wrong))


def may_come(name: str, roles: Iterable[Role], may: Mapping[str, frozenset[Role] | None] = MAY) -> bool:
    """Whether a member of staff with these roles may come to a page: to what is for all staff also without any."""
    allowed = may[name]
    return allowed is None or allowed == ALL_STAFF or not allowed.isdisjoint(roles)
