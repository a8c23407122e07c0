"""A case, the person in it, what can be done about it, and what has become of that."""

from collections.abc import Callable, Mapping
from typing import Final

from hub.console.store.acts import ActState
from screens import audited, cases
from screens.console import APART, COORDINATOR, PARTNER, path_of
from screens.states.state import State, to
from screens.visiting import Hand

OPEN: Final = "form[action*='/persona'] button"
CHASE: Final = "/pedir/americares"


def _act(name: str, what: str, **chosen: str) -> Callable[[Hand], None]:
    """Open a form of a case."""

    def open(hand: Hand) -> None:
        hand.go(f"{path_of(name)}/hacer/{what}")
        hand.choose(**chosen)

    return open


def _refused(name: str, what: str, typed: Mapping[str, str], **chosen: str) -> Callable[[Hand], None]:
    """Open a form of a case, and send what it does not take."""

    def send(hand: Hand) -> None:
        _act(name, what, **chosen)(hand)
        hand.send(**typed)

    return send


def _done(name: str, what: str, state: ActState, seconds_left: int = 0, **more: str) -> Callable[[Hand], None]:
    """Look what became of what somebody of IOM has decided."""

    def look(hand: Hand) -> None:
        form = hand.console.decide(PARTNER, what, state, name, seconds_left=seconds_left, **more)
        hand.go(f"/hecho/{form}")

    return look


def _under_way(hand: Hand) -> None:
    hand.console.decide(PARTNER, "accepted", ActState.ACCEPTED, cases.LATE)
    hand.go(path_of(cases.LATE))


def _refused_case(hand: Hand) -> None:
    hand.console.decide(
        PARTNER, "accepted", ActState.REFUSED, cases.LATE, code="not_while_cancelled", said_by="referrals"
    )
    hand.go(path_of(cases.LATE))


def _chase_none(hand: Hand) -> None:
    hand.go(CHASE)
    for box in hand.page.locator("main [name=referencia]").all():
        box.uncheck()
    hand.choose(means="telephone", result="will_answer")
    hand.send()


def _chase_early(hand: Hand) -> None:
    hand.go(CHASE)
    hand.choose(means="telephone", result="will_answer")
    hand.send(chased_at="2026-11-24T18:00")


def _chased(state: ActState, seconds_left: int = 0, **more: str) -> Callable[[Hand], None]:
    def look(hand: Hand) -> None:
        names = *cases.ALSO_ELSEWHERE, cases.ELSEWHERE  # as the form has them: what is overdue longest comes first
        form = hand.console.decide(COORDINATOR, "chased", state, *names, seconds_left=seconds_left, **more)
        hand.go(f"/hechos/{form}")

    return look


def _looks(hand: Hand) -> None:
    hand.go(f"{path_of(audited.OF_CASE)}/quien-lo-vio")


def _person(name: str) -> Callable[[Hand], None]:
    def open(hand: Hand) -> None:
        hand.go(path_of(name))
        hand.press(OPEN)

    return open


def _person_away(hand: Hand) -> None:
    hand.console.have_custody_away()
    _person(cases.LATE)(hand)


def _changed(hand: Hand) -> None:
    """Somebody has acted while a question was typed."""
    _act(cases.LATE, "info_requested", topic="documents")(hand)
    hand.page.fill("main textarea", "¿Tiene el resumen de la historia clínica? (Caso inventado.)")
    hand.console.decide(PARTNER, "accepted", ActState.ACCEPTED, cases.LATE)
    hand.press("main form button")


def _no_longer(hand: Hand) -> None:
    _changed(hand)
    hand.press("main a.button")


def _redirect_told(hand: Hand) -> None:
    hand.console.offer_services()
    hand.go(f"{path_of(cases.LATE)}/hacer/redirected")
    hand.choose(service=hand.console.offered_service)
    hand.send()


def _redirect_wrong(hand: Hand) -> None:
    """Everything but the person's yes."""
    _redirect_told(hand)
    hand.choose(reason="no_capacity", given_by="person", manner="spoken_and_witnessed")
    hand.page.check("main [name=lasts][value='90']")
    hand.send()


def _redirect(hand: Hand) -> None:
    hand.console.offer_services()
    hand.go(f"{path_of(cases.LATE)}/hacer/redirected")


def _redirect_none(hand: Hand) -> None:
    hand.console.offer_no_services()
    hand.go(f"{path_of(cases.LATE)}/hacer/redirected")


def _redirect_done(hand: Hand) -> None:
    form = hand.console.decide(PARTNER, "redirected", ActState.KEPT, cases.LATE)
    hand.console.let_follow(PARTNER, form, cases.LATE)
    hand.go(f"/hecho/{form}")


STATES: Final = (
    State("case", "case_late", COORDINATOR, to(path_of(cases.LATE))),
    State("case", "case_asked", PARTNER, to(path_of(cases.ASKED))),
    State("case", "case_onward", COORDINATOR, to(path_of(cases.ONWARD))),
    State("case", "case_done", PARTNER, to(path_of(cases.DONE))),
    State("case", "case_to_decide", PARTNER, to(path_of(cases.LATE))),
    State("case", "case_under_way", PARTNER, _under_way),
    State("case", "case_refused", PARTNER, _refused_case),
    State("case", "case_apart", APART, to(path_of(cases.VISIT))),
    State("case", "case_to_confirm", PARTNER, to(path_of(cases.TO_CONFIRM))),
    State("case", "case_named", COORDINATOR, to(path_of(cases.NAMED))),
    State("case", "case_name_in_doubt", COORDINATOR, to(path_of(cases.NAME_IN_DOUBT))),
    State("looks", "looks", COORDINATOR, _looks),
    State("person", "person_name", COORDINATOR, _person(cases.NAMED)),
    State("person", "person", PARTNER, _person(cases.LATE)),
    State("person", "person_not_now", PARTNER, _person(cases.NEW)),
    State("case", "case_sent", PARTNER, to(path_of(cases.NEW))),
    State("person", "person_away", PARTNER, _person_away),
    State("act", "act_choices", PARTNER, _act(cases.LATE, "declined", reason="not_eligible")),
    State("act", "act_note", PARTNER, _act(cases.LATE, "info_requested")),
    State("act", "act_moment", PARTNER, _act(cases.VISIT, "scheduled")),
    State("act", "act_outcome", PARTNER, _act(cases.TO_CONFIRM, "closed")),
    State("act", "act_chased", COORDINATOR, _act(cases.LATE, "chased")),
    State(
        "act",
        "act_early",
        PARTNER,
        _refused(cases.VISIT, "scheduled", {"visit_at": "2026-11-23T09:00"}, mode="at_home"),
        is_refused=True,
    ),
    State(
        "act", "act_does_not_fit", PARTNER, _refused(cases.LATE, "declined", {}, reason="not_eligible"), is_refused=True
    ),
    State("redirect", "redirect", PARTNER, _redirect),
    State("redirect", "redirect_none", PARTNER, _redirect_none),
    State("redirect", "redirect_told", PARTNER, _redirect_told),
    State("act", "act_changed", PARTNER, _changed),
    State("act", "act_no_longer", PARTNER, _no_longer),
    State("redirect", "redirect_wrong", PARTNER, _redirect_wrong, is_refused=True),
    State("act_done", "done_consent", PARTNER, _redirect_done),
    State("act_done", "done_kept", PARTNER, _done(cases.LATE, "accepted", ActState.KEPT, 8)),
    State("act_done", "done_sent", PARTNER, _done(cases.LATE, "accepted", ActState.ACCEPTED)),
    State("act_done", "done_undone", PARTNER, _done(cases.LATE, "accepted", ActState.UNDONE)),
    State("act_done", "done_put_off", PARTNER, _done(cases.LATE, "accepted", ActState.KEPT, problem="unreachable")),
    State(
        "act_done",
        "done_waits",
        PARTNER,
        _done(cases.LATE, "accepted", ActState.WAITS, code="not_while_sent", said_by="referrals"),
    ),
    State(
        "act_done",
        "done_refused",
        PARTNER,
        _done(cases.LATE, "accepted", ActState.REFUSED, code="not_while_cancelled", said_by="referrals"),
    ),
    State("act_done", "done_quarantined", PARTNER, _done(cases.LATE, "accepted", ActState.QUARANTINED)),
    State("chase_all", "chase", COORDINATOR, to(CHASE)),
    State("chase_all", "chase_nothing", COORDINATOR, to("/pedir/fuvadis")),
    State("chase_all", "chase_none_chosen", COORDINATOR, _chase_none, is_refused=True),
    State("chase_all", "chase_early", COORDINATOR, _chase_early, is_refused=True),
    State("acts_done", "chased_kept", COORDINATOR, _chased(ActState.KEPT, 8)),
    State("acts_done", "chased_applied", COORDINATOR, _chased(ActState.APPLIED)),
    State(
        "acts_done",
        "chased_refused",
        COORDINATOR,
        _chased(ActState.REFUSED, code="not_while_expired", said_by="referrals"),
    ),
)
