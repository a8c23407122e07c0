"""Every state of every page: who has come in, and what they do until it is there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import pyotp

from hub.console.store.acts import ActState
from hub.monitor.seen import Seen
from screens import audited, cases, frozen, log, operating
from screens.console import (
    ADMINISTRATOR,
    APART,
    AUDITOR,
    COLLEAGUE,
    COORDINATOR,
    IDLE,
    LOST,
    NEWCOMER,
    OPERATOR,
    PARTNER,
    PASSWORD,
    PIN,
    SECOND_ADMINISTRATOR,
    SHARING,
    Person,
    path_of,
    short_codes,
)
from screens.visiting import Hand

OPEN: Final = "form[action*='/persona'] button"
CHASE: Final = "/pedir/americares"
LOCK: Final = "form[action='/bloquear'] button"
NO_PAGES: Final = {
    "logout", "lock", "language", "enrolment_qr", "act_undone", "acts_undone", "referrals_file", "absence_ended",
    "view_dropped", "operation_stopped", "replay_stopped", "replay_resumed", "replay_reviewed", "work_file",
    "emergency",
}  # fmt: skip
"""What only leads to another page (one of them while the database answers), is a picture on one, or a file."""


@dataclass(frozen=True)
class State:
    """A page as it can be."""

    screen: str
    """Which page, as hub/console/web/permissions.py names it."""
    name: str
    who: Person | None
    reach: Callable[[Hand], None]
    is_refused: bool = False
    """Whether it shows what is wrong with a form that was sent."""


def to(path: str) -> Callable[[Hand], None]:
    """Open a page, and do no more."""
    return lambda hand: hand.go(path)


def _login_wrong(hand: Hand) -> None:
    hand.console.forget_attempts()
    hand.go("/entrar")
    hand.send(login="quien.sabe", password="tres palabras y otra", code="123456")


def _login_waits(hand: Hand) -> None:
    _login_wrong(hand)
    hand.console.slow_down(7)
    hand.send(login="quien.sabe", password="tres palabras y otra", code="123456")


def _login_shared(hand: Hand) -> None:
    _lock(hand)
    hand.go("/entrar")


def _lock(hand: Hand) -> None:
    hand.come_in(SHARING)
    hand.press(LOCK)


def _unlock_wrong(hand: Hand) -> None:
    _lock(hand)
    hand.send(pin="111222")


def _enrolment_wrong(hand: Hand) -> None:
    hand.go("/alta")
    hand.send(code="ABCD-EFGH-JKLM-NPQR")


def _enrolment_form(hand: Hand) -> None:
    enrolment = hand.console.invite(NEWCOMER)
    hand.go("/alta")
    hand.send(code=enrolment)


def _enrolment_form_wrong(hand: Hand) -> None:
    _enrolment_form(hand)
    hand.send(password="corta", password_again="otra", pin="111111", pin_again="222222", code="000000")


def _enrolled(hand: Hand) -> None:
    _enrolment_form(hand)
    code = pyotp.TOTP(frozen.SECRET).now()
    hand.send(password=PASSWORD, password_again=PASSWORD, pin=PIN, pin_again=PIN, code=code)


def _search(words: str) -> Callable[[Hand], None]:
    def search(hand: Hand) -> None:
        hand.go("/buscar")
        hand.search(words)

    return search


def _kept(hand: Hand) -> None:
    """What was typed when the session was locked in another tab."""
    hand.come_in(SHARING)
    hand.go("/buscar")
    other = hand.page.context.new_page()
    other.goto(f"{hand.console.address}/")
    with other.expect_navigation():
        other.locator(LOCK).click()
    other.close()
    hand.search("K7M2-4XQD")
    hand.send(pin=PIN)


def _recovery(hand: Hand) -> None:
    hand.console.forget_recoveries()
    hand.go("/recuperar")


def _recovery_waits(hand: Hand) -> None:
    hand.console.ask_recovery(LOST, by=SECOND_ADMINISTRATOR)
    hand.go("/recuperar")


def _recovery_asked(hand: Hand) -> None:
    _recovery(hand)
    hand.send(staff=hand.console.people[LOST.login].code)


def _recovery_granted(hand: Hand) -> None:
    _recovery_waits(hand)
    hand.send(staff=hand.console.people[LOST.login].code)


def _recovery_wrong(hand: Hand) -> None:
    _recovery(hand)
    hand.send(staff="s-quien-sabe")


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


def _alerts(seconds_ago: int, *open: str) -> Callable[[Hand], None]:
    """Look at what is open as somebody saw it so long ago."""

    def look(hand: Hand) -> None:
        hand.console.look(seconds_ago, *open)
        hand.go("/alertas")

    return look


def _logged(path: str, *, is_there: bool = True, **typed: str) -> Callable[[Hand], None]:
    """Look into the message log while it answers, or does not, and look for something there."""

    def look(hand: Hand) -> None:
        hand.console.let_log_be_read(is_there)
        hand.go(path)
        if typed:
            hand.send(**typed)

    return look


OPENS: Final = f"form[action='/mensaje/{log.CONFIDENTIAL}']"


def _opened(hand: Hand) -> None:
    _logged(f"/mensaje/{log.CONFIDENTIAL}")(hand)
    hand.page.locator(f"{OPENS} [value=organisation_asks]").check()
    hand.press(f"{OPENS} button")


def _not_opened(hand: Hand) -> None:
    _logged(f"/mensaje/{log.CONFIDENTIAL}")(hand)
    hand.page.locator(f"{OPENS} [value=organisation_asks]").check()
    hand.page.locator(f"{OPENS} [name=referencia]").fill("Inés")
    hand.press(f"{OPENS} button")


def _talking(*, seconds_ago: int = 30, is_there: bool = True) -> Callable[[Hand], None]:
    """Look at who talks to whom, where nothing waited for the log so long ago."""

    def look(hand: Hand) -> None:
        hand.console.let_log_be_read(is_there)
        hand.console.let_log_be_whole(seconds_ago)
        hand.go("/topologia")

    return look


def _seen(path: str, network: Callable[[datetime], Seen], seconds_ago: int = 8) -> Callable[[Hand], None]:
    """Look at a page of the monitor, where somebody looked at the network so long ago."""

    def look(hand: Hand) -> None:
        hand.console.see(seconds_ago, network)
        hand.console.let_log_be_read(is_there=True)
        hand.go(path)

    return look


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


def _person(name: str) -> Callable[[Hand], None]:
    def open(hand: Hand) -> None:
        hand.go(path_of(name))
        hand.press(OPEN)

    return open


def _person_away(hand: Hand) -> None:
    hand.console.have_custody_away()
    _person(cases.LATE)(hand)


def _found_away(hand: Hand) -> None:
    hand.console.have_custody_away()
    _search("Marcano")(hand)


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


def _filled_anew(hand: Hand) -> None:
    hand.console.fill_anew()
    hand.go("/hoy")


def _views_kept(hand: Hand) -> None:
    hand.console.forget_views()
    for name, asked in (("Vacunas sin cita", "necesidad=health.vaccination"), ("Vencidas", "estado=expired")):
        hand.go(f"/referencias/vistas?{asked}")
        hand.send(nombre=name)


def _views_wrong(hand: Hand) -> None:
    _views_kept(hand)
    hand.go("/referencias/vistas")
    hand.send(nombre="Un nombre de vista que tiene más de cuarenta letras")


def _then(reach: Callable[[Hand], None], path: str) -> Callable[[Hand], None]:
    def do(hand: Hand) -> None:
        reach(hand)
        hand.go(path)

    return do


def _failures(hand: Hand) -> None:
    hand.console.failing.fail()
    hand.go("/fallos")


def _failures_none(hand: Hand) -> None:
    hand.console.failing.forget()
    hand.go("/fallos")


def _failures_away(hand: Hand) -> None:
    with hand.console.failing.away():
        hand.go("/fallos")


def _audited(path: str, *, right: bool = True) -> Callable[[Hand], None]:
    """Look into the audit, which was found to be as it was written, or not."""

    def look(hand: Hand) -> None:
        hand.console.verify(right=right)
        hand.go(path)

    return look


def _audit_wrong(hand: Hand) -> None:
    _audited("/auditoria")(hand)
    hand.send(quien="quien sea", objeto="algo")


def _dry_run(act: str) -> Callable[[Hand], None]:
    def press(hand: Hand) -> None:
        _failures(hand)
        hand.press(f"form:has([value={act}]) button")

    return press


def _dry_run_wrong(hand: Hand) -> None:
    _dry_run("retry")(hand)
    hand.choose(motivo="program_mended")
    hand.send(referencia="Inés")


def _dry_run_changed(hand: Hand) -> None:
    _dry_run("retry")(hand)
    hand.console.failing.forget_messages()
    hand.choose(motivo="program_mended")
    hand.send()


def _operation(*results: str) -> Callable[[Hand], None]:
    """Look what came of what Inés has started, of each message."""

    def look(hand: Hand) -> None:
        by = hand.console.people[OPERATOR.login].code
        hand.go(f"/operacion/{hand.console.failing.begin(f'staff:{by}', *results)}")

    return look


def _operation_unseen(hand: Hand) -> None:
    with hand.console.failing.away():
        hand.go(f"/operacion/{cases.an_id('nothing')}")


def _replays(hand: Hand) -> None:
    hand.console.failing.forget()
    hand.go("/repeticiones")


def _replays_wrong(hand: Hand) -> None:
    _replays(hand)
    hand.choose(contrato="referral.status.v1")
    hand.send(desde="2026-11-02T10:00", hasta="2026-11-02T09:00")


def _replays_of_a_week(hand: Hand) -> None:
    hand.console.failing.replay(1204, {"said": 1204}, started_by=_other(hand), alone=True)
    hand.go("/repeticiones")


def _replay_dry_run(many: int) -> Callable[[Hand], None]:
    def plan(hand: Hand) -> None:
        hand.console.failing.publish(many)
        hand.go("/repeticiones")
        hand.choose(contrato="referral.status.v1", organizacion="redcross")
        since, until = (f"{frozen.NOW - timedelta(hours=ago):%Y-%m-%dT%H:%M}" for ago in (5, 1))
        hand.send(desde=since, hasta=until)

    return plan


def _replay_wrong(hand: Hand) -> None:
    _replay_dry_run(1204)(hand)
    hand.page.fill("main [name=razon]", "cédula 1234567")
    hand.press("main [name=acto][value=sola] ~ .acts button")


def _replay(many: int, *, asked: bool = False, alone: bool = False, **results: int) -> Callable[[Hand], None]:
    """Look at what somebody else has asked for, or started."""

    def look(hand: Hand) -> None:
        by = _other(hand)
        id = hand.console.failing.replay(many, results, by if asked else "", "" if asked else by, alone)
        hand.go(f"/repeticiones/{id}")

    return look


def _replay_unseen(hand: Hand) -> None:
    with hand.console.failing.away():
        hand.go(f"/repeticiones/{cases.an_id('nothing')}")


def _other(hand: Hand) -> str:
    return f"staff:{hand.console.people[ADMINISTRATOR.login].code}"


NOTICES: Final = "form[action='/avisos']"


def _notices(hand: Hand) -> None:
    hand.console.forget_notices()
    hand.go("/avisos")


def _notices_asked(hand: Hand) -> None:
    _notices(hand)
    hand.page.locator(f"{NOTICES} [value=all]").check()
    hand.page.locator(f"{NOTICES} [name=correo]").fill("nombre@organizacion.example")
    hand.press(f"{NOTICES} button")


def _notices_on(hand: Hand) -> None:
    _notices_asked(hand)
    hand.console.confirm_notices()
    hand.go("/avisos")


def _notices_wrong(hand: Hand) -> None:
    _notices(hand)
    hand.page.locator(f"{NOTICES} [value=all]").check()
    hand.press(f"{NOTICES} button")


def _notices_code_wrong(hand: Hand) -> None:
    _notices_asked(hand)
    hand.page.locator("[name=codigo]").fill("tres")
    hand.press("form[action='/avisos/codigo'] button")


OFFICE: Final = "form[method=post][action='/avisos/oficina']"


def _office_asked(hand: Hand) -> None:
    hand.console.forget_notices()
    hand.go("/avisos/oficina")
    hand.page.locator(f"{OFFICE} [value=digest]").check()
    hand.page.locator(f"{OFFICE} [name=correo]").fill("oficina@organizacion.example")
    hand.press(f"{OFFICE} button")


def _office_wrong(hand: Hand) -> None:
    hand.console.forget_notices()
    hand.go("/avisos/oficina")
    hand.page.locator(f"{OFFICE} [value=digest]").check()
    hand.press(f"{OFFICE} button")


def _office_code_wrong(hand: Hand) -> None:
    _office_asked(hand)
    hand.page.locator("[name=codigo]").fill("tres")
    hand.press("form[action='/avisos/oficina/codigo'] button")


def _absence(hand: Hand) -> None:
    hand.console.forget_absences()
    hand.go("/ausencia")


def _absence_wrong(hand: Hand) -> None:
    _absence(hand)
    hand.page.select_option("main [name=colega]", hand.console.people[PARTNER.login].code)
    hand.send(hasta="2020-01-01")


def _stands_in(hand: Hand) -> None:
    hand.console.be_away(COLLEAGUE, PARTNER)
    hand.go("/ausencia")


STATES: Final = (
    State("login", "login", None, to("/entrar")),
    State("login", "login_wrong", None, _login_wrong, is_refused=True),
    State("login", "login_waits", None, _login_waits, is_refused=True),
    State("login", "login_shared", None, _login_shared),
    State("unlock", "unlock", None, _lock),
    State("unlock", "unlock_wrong", None, _unlock_wrong, is_refused=True),
    State("enrolment", "enrolment", None, to("/alta")),
    State("enrolment", "enrolment_wrong", None, _enrolment_wrong, is_refused=True),
    State("enrolment_form", "enrolment_form", None, _enrolment_form),
    State("enrolment_form", "enrolment_form_wrong", None, _enrolment_form_wrong, is_refused=True),
    State("enrolment_form", "enrolled", None, _enrolled),
    State("home", "home", COORDINATOR, to("/")),
    State("home", "home_few_codes", IDLE, to("/")),
    State("today", "today_coordinator", COORDINATOR, to("/hoy")),
    State("today", "today_partner", PARTNER, to("/hoy")),
    State("today", "today_nothing", IDLE, to("/hoy")),
    State("today", "today_filled_anew", PARTNER, _filled_anew),
    State("today", "today_mine_nothing", PARTNER, to("/hoy?de=mios")),
    State("work", "work", PARTNER, to("/hoy/overdue")),
    State("work", "work_nothing", IDLE, to("/hoy/undecided")),
    State("agenda", "agenda", PARTNER, to("/agenda")),
    State("agenda", "agenda_week", PARTNER, to("/agenda?semana=" + str(frozen.NOW.date()))),
    State("agenda", "agenda_nothing", IDLE, to("/agenda")),
    State("holder", "holder", COLLEAGUE, to(path_of(cases.LATE) + "/de-quien")),
    State("holder", "holder_alone", SHARING, to(path_of(cases.DONE) + "/de-quien")),
    State("absence", "absence", COLLEAGUE, _absence),
    State("absence", "absence_wrong", COLLEAGUE, _absence_wrong, is_refused=True),
    State("absence", "absence_stood_in", PARTNER, _stands_in),
    State("absence", "absence_alone", IDLE, to("/ausencia")),
    State("search", "search", PARTNER, to("/buscar")),
    State("search", "search_kept", None, _kept),
    State("found", "found_nothing", PARTNER, _search("0000-0000")),
    State("found", "found_several", COORDINATOR, _search(*short_codes(cases.SAME_CODE[0]))),
    State("found", "found_people", PARTNER, _search("Marcano")),
    State("found", "found_away", PARTNER, _found_away),
    State("referrals", "referrals", COORDINATOR, to("/referencias")),
    State("referrals", "referrals_received", PARTNER, to("/referencias?parte=recibidas")),
    State("referrals", "referrals_none", AUDITOR, to("/referencias?estado=no_show")),
    State("referrals", "referrals_kept", AUDITOR, _views_kept),
    State("views", "views", PARTNER, to("/referencias/vistas?parte=recibidas&estado=received")),
    State("views", "views_kept", AUDITOR, _then(_views_kept, "/referencias/vistas")),
    State("views", "views_wrong", AUDITOR, _views_wrong, is_refused=True),
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
    State("person", "person_name", COORDINATOR, _person(cases.NAMED)),
    State("person", "person", PARTNER, _person(cases.LATE)),
    State("person", "person_not_now", PARTNER, _person(cases.NEW)),
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
    State("notices", "notices", PARTNER, _notices),
    State("notices", "notices_asked", PARTNER, _notices_asked),
    State("notices", "notices_on", PARTNER, _notices_on),
    State("notices", "notices_wrong", PARTNER, _notices_wrong, is_refused=True),
    State("office", "office", COORDINATOR, to("/avisos/oficina")),
    State("office", "office_asked", COORDINATOR, _office_asked),
    State("office", "office_wrong", COORDINATOR, _office_wrong, is_refused=True),
    State("office_code", "office_code_wrong", COORDINATOR, _office_code_wrong, is_refused=True),
    State("notices_code", "notices_code_wrong", PARTNER, _notices_code_wrong, is_refused=True),
    State("alerts", "alerts_none", OPERATOR, _alerts(10)),
    State("alerts", "alerts", OPERATOR, _alerts(10, "broker_away", "supervisor_frozen")),
    State("alerts", "alerts_away", OPERATOR, _alerts(600)),
    State("messages", "messages", OPERATOR, _logged("/mensajes")),
    State("messages", "messages_none", OPERATOR, _logged("/mensajes?organizacion=fuvadis")),
    State("messages", "messages_wrong", OPERATOR, _logged("/mensajes", q="K7M2"), is_refused=True),
    State("messages", "messages_away", OPERATOR, _logged("/mensajes", is_there=False)),
    State("message", "message", OPERATOR, _logged(f"/mensaje/{log.ACCEPTED}")),
    State("message", "message_subject", OPERATOR, _logged(f"/mensaje/{log.REFERRAL}")),
    State("message", "message_refused", OPERATOR, _logged(f"/mensaje/{log.REFUSED}")),
    State("message", "message_confidential", OPERATOR, _logged(f"/mensaje/{log.CONFIDENTIAL}")),
    State("message", "message_opened", OPERATOR, _opened),
    State("message", "message_not_opened", OPERATOR, _not_opened, is_refused=True),
    State("message", "message_unknown", OPERATOR, _logged(f"/mensaje/{cases.an_id('nothing')}")),
    State("message", "message_away", OPERATOR, _logged(f"/mensaje/{log.ACCEPTED}", is_there=False)),
    State("state", "state_well", OPERATOR, _seen("/estado", operating.well)),
    State("state", "state_broker_away", OPERATOR, _seen("/estado", operating.broker_away)),
    State("state", "state_behind", OPERATOR, _seen("/estado", operating.behind)),
    State("state", "state_given_up", OPERATOR, _seen("/estado", operating.given_up)),
    State("state", "state_dark", OPERATOR, _seen("/estado", operating.dark)),
    State("state", "state_old", OPERATOR, _seen("/estado", operating.well, 600)),
    State("queues", "queues_well", OPERATOR, _seen("/colas", operating.well)),
    State("queues", "queues_behind", OPERATOR, _seen("/colas", operating.behind)),
    State("queues", "queues_dark", OPERATOR, _seen("/colas", operating.dark)),
    State("queues", "queues_old", OPERATOR, _seen("/colas", operating.well, 600)),
    State("waits", "waits_well", OPERATOR, _seen("/en-espera", operating.well)),
    State("waits", "waits_behind", OPERATOR, _seen("/en-espera", operating.behind)),
    State("waits", "waits_dark", OPERATOR, _seen("/en-espera", operating.dark)),
    State("waits", "waits_old", OPERATOR, _seen("/en-espera", operating.well, 600)),
    State("organisations", "organisations_well", OPERATOR, _seen("/organizaciones", operating.well)),
    State("organisations", "organisations_behind", OPERATOR, _seen("/organizaciones", operating.behind)),
    State("organisations", "organisations_dark", OPERATOR, _seen("/organizaciones", operating.dark)),
    State("organisations", "organisations_old", OPERATOR, _seen("/organizaciones", operating.well, 600)),
    State("topology", "topology", OPERATOR, _talking()),
    State("topology", "topology_behind", OPERATOR, _talking(seconds_ago=1_800)),
    State("topology", "topology_away", OPERATOR, _talking(is_there=False)),
    State("audit", "audit", AUDITOR, _audited(f"/auditoria?quien={audited.WHO}")),
    State("audit", "audit_operator", OPERATOR, _audited(f"/auditoria?quien={audited.WHO}", right=False)),
    State("audit", "audit_away", OPERATOR, _audited("/auditoria?cadena=red")),
    State("audit", "audit_none", AUDITOR, _audited("/auditoria?quien=s-9999")),
    State("audit", "audit_wrong", AUDITOR, _audit_wrong, is_refused=True),
    State("failures", "failures", OPERATOR, _failures),
    State("failures", "failures_none", OPERATOR, _failures_none),
    State("failures", "failures_away", OPERATOR, _failures_away),
    State("operation", "dry_run", OPERATOR, _dry_run("retry")),
    State("operation", "dry_run_give_back", OPERATOR, _dry_run("give_back")),
    State("operation", "dry_run_wrong", OPERATOR, _dry_run_wrong, is_refused=True),
    State("operation", "dry_run_changed", OPERATOR, _dry_run_changed, is_refused=True),
    State("operation", "operation_goes_on", OPERATOR, _operation("applied", "refused", "")),
    State("operation", "operation", OPERATOR, _operation("applied", "refused", "quarantined")),
    State("operation", "operation_unseen", OPERATOR, _operation_unseen),
    State("replays", "replays", OPERATOR, _replays),
    State("replays", "replays_wrong", OPERATOR, _replays_wrong, is_refused=True),
    State("replays", "replays_of_a_week", OPERATOR, _replays_of_a_week),
    State("replay", "replay_dry_run", OPERATOR, _replay_dry_run(204)),
    State("replay", "replay_dry_run_of_many", OPERATOR, _replay_dry_run(1204)),
    State("replay", "replay_wrong", OPERATOR, _replay_wrong, is_refused=True),
    State("replay", "replay_asked", OPERATOR, _replay(1204, asked=True)),
    State("replay", "replay_goes_on", OPERATOR, _replay(204, said=120, erased=3)),
    State("replay", "replay_stopped", OPERATOR, _replay(204, said=150, expired=4, stopped=50)),
    State("replay", "replay_alone", OPERATOR, _replay(1204, alone=True, said=1204)),
    State("replay", "replay_unseen", OPERATOR, _replay_unseen),
    State("recovery", "recovery", ADMINISTRATOR, _recovery),
    State("recovery", "recovery_waits", ADMINISTRATOR, _recovery_waits),
    State("recovery", "recovery_asked", ADMINISTRATOR, _recovery_asked),
    State("recovery", "recovery_granted", ADMINISTRATOR, _recovery_granted),
    State("recovery", "recovery_wrong", ADMINISTRATOR, _recovery_wrong, is_refused=True),
    State("nothing", "nothing", PARTNER, to("/no/existe")),
)
