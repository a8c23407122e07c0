"""How a referral may go: each story is the transitions of one referral, in order, and who makes each of them.

`S` is the sender, `R` the recipient, `C` a coordinator, `P` the person (through the sender), `H` the hub by itself.
Every transition has the next number, so a story is also the numbers that both parties must see. `*` marks a move that
is made only on the second day, after the network has reminded whoever is late.
"""

from dataclasses import dataclass

ACTORS = {"S": "sender", "R": "recipient", "C": "coordinator", "P": "person", "H": "hub"}


@dataclass(frozen=True)
class Move:
    """One transition: who makes it, what it is called, and whether it waits for the second day."""

    actor: str
    verb: str
    late: bool = False


@dataclass(frozen=True)
class Story:
    """One way to the state `ends`; of every hundred referrals or so, `share` go it, and at least one does."""

    name: str
    share: int
    moves: tuple[Move, ...]
    ends: str


def _story(name: str, share: int, moves: str, ends: str) -> Story:
    words = [move.split() for move in moves.split("|")] if moves else []
    return Story(name, share, tuple(Move(ACTORS[who[0]], verb, who.endswith("*")) for who, verb in words), ends)


# What comes before an answer, a visit, an ending.
TAKEN = "R received | R accepted"
VISIT = f"{TAKEN} | R scheduled"
SERVICE = f"{VISIT} | R service_started"
ASKED = "R received | R info_requested"
LINED_UP = "R received | R waitlisted"
MISSED = f"{VISIT} | R no_show"
CALLED_OFF = f"{VISIT} | R visit_cancelled"
OVER = "R completed | S closed"
BACK_AT_ONCE = "S cancel_requested | H cancelled"
BACK = "S cancel_requested | R cancelled"

STORIES = (
    # served
    _story("served after a visit", 16, f"{SERVICE} | {OVER}", "closed"),
    _story("served at once", 12, f"{TAKEN} | {OVER}", "closed"),
    _story("served without an appointment", 8, f"{TAKEN} | R service_started | {OVER}", "closed"),
    _story("served at the visit", 6, f"{VISIT} | {OVER}", "closed"),
    _story("a visit put off", 2, f"{VISIT} | R scheduled | {OVER}", "closed"),
    _story("a visit missed", 3, f"{MISSED} | R scheduled | {OVER}", "closed"),
    _story("a visit missed, then called off", 1, f"{MISSED} | R visit_cancelled | R scheduled | {OVER}", "closed"),
    _story("a visit called off", 2, f"{CALLED_OFF} | R scheduled | {OVER}", "closed"),
    _story("several visits", 2, f"{SERVICE} | R service_noted | R scheduled | R service_started | {OVER}", "closed"),
    _story("a later visit called off", 1, f"{SERVICE} | R visit_cancelled | R scheduled | {OVER}", "closed"),
    _story("a question first", 4, f"{ASKED} | S info_provided | R accepted | {OVER}", "closed"),
    _story("a place in line", 3, f"{LINED_UP} | R accepted | {OVER}", "closed"),
    _story("closed by the calendar", 3, f"{TAKEN} | R completed | H closed", "closed"),
    _story("reopened", 1, f"{TAKEN} | {OVER} | C reopened | R service_noted | {OVER}", "closed"),
    _story("answered after a reminder", 2, f"R* received | R accepted | {OVER}", "closed"),
    _story("cancelled too late", 1, f"{TAKEN} | S cancel_requested | {OVER}", "closed"),
    # not served
    _story("declined", 6, "R received | R declined", "declined"),
    _story("declined from the line", 1, f"{LINED_UP} | R declined", "declined"),
    _story("given up", 1, f"{TAKEN} | R declined", "declined"),
    _story("given up after a visit was set", 1, f"{VISIT} | R declined", "declined"),
    _story("given up after a visit was missed", 1, f"{MISSED} | R declined", "declined"),
    _story("given up after a visit was called off", 1, f"{CALLED_OFF} | R declined", "declined"),
    _story("given up in service", 1, f"{SERVICE} | R declined", "declined"),
    _story("redirected", 3, "R received | R redirected", "redirected"),
    # taken back
    _story("taken back at once", 1, BACK_AT_ONCE, "cancelled"),
    _story("taken back after receipt", 1, f"R received | {BACK_AT_ONCE}", "cancelled"),
    _story("taken back from the line", 1, f"{LINED_UP} | {BACK_AT_ONCE}", "cancelled"),
    _story("taken back with a question open", 1, f"{ASKED} | {BACK_AT_ONCE}", "cancelled"),
    _story("taken back after acceptance", 1, f"{TAKEN} | {BACK}", "cancelled"),
    _story("taken back before the visit", 1, f"{VISIT} | {BACK}", "cancelled"),
    _story("taken back after a visit missed", 1, f"{MISSED} | {BACK}", "cancelled"),
    _story("taken back after a visit called off", 1, f"{CALLED_OFF} | {BACK}", "cancelled"),
    _story("taken back in service", 1, f"{SERVICE} | {BACK}", "cancelled"),
    # never answered
    _story("never received", 2, "H expired", "expired"),
    _story("never decided", 1, "R received | H expired", "expired"),
    _story("question never answered", 1, f"{ASKED} | H expired", "expired"),
    _story("line never moved", 1, f"{LINED_UP} | H expired", "expired"),
    # stopped by the person, or a mistake
    _story("consent withdrawn at once", 1, "P consent_withdrawn", "consent_withdrawn"),
    _story("consent withdrawn after receipt", 1, "R received | P consent_withdrawn", "consent_withdrawn"),
    _story("consent withdrawn before the visit", 1, f"{VISIT} | P consent_withdrawn", "consent_withdrawn"),
    _story("consent withdrawn in service", 1, f"{SERVICE} | P consent_withdrawn", "consent_withdrawn"),
    _story("entered in error", 1, "S entered_in_error", "entered_in_error"),
    _story("found to be an error once served", 1, f"{TAKEN} | {OVER} | C entered_in_error", "entered_in_error"),
    # still going on
    _story("waiting for the visit", 1, VISIT, "scheduled"),
    _story("in service", 1, SERVICE, "in_service"),
)

# What becomes of a person who was redirected: a new referral from the same sender.
GOES_ON = _story("served after a redirection", 0, f"{TAKEN} | {OVER}", "closed")

TERMINAL = frozenset(
    {"declined", "redirected", "expired", "cancelled", "closed", "consent_withdrawn", "entered_in_error"}
)
