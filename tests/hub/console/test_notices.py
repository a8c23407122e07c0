"""Notices by e-mail: off until somebody asks and confirms, once each, and nothing in them but counts and addresses."""

import re
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
import trustme

from contracts.codes import OrganisationStatus, ReferralState, Urgency
from hub.console.notices.mailer import Mailer
from hub.console.notices.smtp import Away, Server, UnusableServer, is_address
from hub.console.store import notices
from hub.console.store.work import Bucket
from hub.console.web import notices as page
from hub.console.web import today
from hub.console.web.letters import Letter
from hub.console.web.saying import day_of
from hub.console.web.words import translations
from messaging import clock, database
from messaging.health import health
from tests.examples_reports import an_id, noted, says
from tests.hub.console import mail
from tests.hub.console.kept import Kept
from tests.hub.console.kit import CENTRE, Answer, Browser, Console, Person, Running
from tests.hub.console.mail import MailServer
from tests.hub.console.test_pages import DAY, code_of, steps
from tests.waiting import eventually

SENDER = "ruta@red.test"
CONSOLE = "https://consola.test"
CODE = re.compile(r"\b[0-9]{6}\b")
STATE = ReferralState


@pytest.fixture(scope="module")
def running(console: Console) -> Running:
    return console.run(mails_from=SENDER)


@pytest.fixture(scope="module")
def kept_facts(console: Console) -> Iterator[Kept]:
    service = Kept(console.url)
    yield service
    service.close()


@pytest.fixture
def facts(kept_facts: Kept, console: Console) -> Kept:
    """Nothing waits for anybody, and nobody is told anything."""
    kept_facts.forget()
    for table in ("notice", "notice_told", "notice_choice", "attempt"):
        console.query(f"delete from {table}")
    return kept_facts


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail.serving() as server:
        yield server


class Post:
    """The mailer, as its process runs it, one step at a time."""

    def __init__(self, console: Console, port: int) -> None:
        self.console = console
        self.mailer = Mailer(
            console.keyring, console.settings.organisations, Server.read(f"smtp://127.0.0.1:{port}"),
            sender=SENDER, console=CONSOLE,
        )  # fmt: skip

    def look(self) -> None:
        with database.connect(self.console.url) as tx:
            self.mailer.look(tx)

    def send(self) -> int:
        """Send all that is due; how many rows that was."""
        with database.connect(self.console.url) as tx:
            count = 0
            while self.mailer.send_one(tx):
                tx.commit()
                count += 1
            return count

    def go(self) -> None:
        self.look()
        self.send()


@pytest.fixture
def post(console: Console, server: MailServer, facts: Kept) -> Post:
    health.over("mail server")
    return Post(console, server.port)


def subscribe(browser: Browser, post: Post, server: MailServer, wants: str, address: str) -> None:
    """Ask for notices at an address, and confirm it by the code that comes there."""
    assert browser.open("/avisos", avisos=wants, correo=address).status == 200
    post.send()
    code = CODE.search(server.to(address)[-1].mail.get_content())
    assert code is not None
    assert browser.send("/avisos/codigo", codigo=code[0]).status == 200


def confirm(browser: Browser, code: str) -> Answer:
    """Type a code on the page."""
    browser.get("/avisos")
    return browser.send("/avisos/codigo", codigo=code)


def at(hour: int, minute: int = 0, *, days: int = 1) -> Any:
    """Within the block it is so late of a later day in Colombia."""
    begins: datetime = day_of(clock.now()).begins
    return clock.ahead(begins + timedelta(days=days, hours=hour, minutes=minute) - clock.now())


def waiting(name: str, *, urgency: Urgency = Urgency.NORMAL, recipient: str = "redcross", **said: Any) -> list[Any]:
    return steps(name, STATE.SENT, sender="iom", recipient=recipient, urgency=urgency, **said)


Enrol = Callable[..., Person]


def test_nobody_is_told_anything_who_has_not_asked(
    post: Post, server: MailServer, facts: Kept, enrolled: Enrol, browser: Browser
) -> None:
    enrolled("partner_staff")
    facts.hear(*waiting("a", urgency=Urgency.EMERGENCY))
    with at(8):
        post.go()
    assert server.taken == []
    assert 'value="off" checked' in browser.get("/avisos").text


def test_the_digest_is_due_by_the_clock_alone_and_comes_once_a_day(
    post: Post, server: MailServer, facts: Kept, enrolled: Enrol, browser: Browser
) -> None:
    enrolled("partner_staff")
    subscribe(browser, post, server, "digest", "ana@cr.test")
    facts.hear(*waiting("a"), *waiting("b"))
    server.taken.clear()
    post.go()  # whatever time it is: it was asked for after today's
    with at(6, 59):
        post.go()
    assert server.taken == []
    for _ in range(2):
        with at(7):
            post.go()
    with at(23, 59):
        post.go()
    (one,) = server.taken
    assert one.to == "ana@cr.test"
    assert one.mail["From"].addresses[0].addr_spec == SENDER == one.sender
    with at(11, 30, days=2):  # it was down at seven
        post.go()
    assert len(server.taken) == 2


def test_where_nothing_waits_no_mail_comes(
    post: Post, server: MailServer, facts: Kept, enrolled: Enrol, browser: Browser
) -> None:
    enrolled("partner_staff")
    subscribe(browser, post, server, "all", "ana@cr.test")
    server.taken.clear()
    with at(7):
        post.go()
        facts.hear(*waiting("later"))
        post.go()
    assert server.taken == []


@pytest.mark.parametrize("role", ["partner_staff", "coordinator"])
@pytest.mark.parametrize("language", ["es", "en"])
def test_the_digest_counts_what_hoy_counts_and_says_nothing_else(
    role: str, language: str, post: Post, server: MailServer, facts: Kept, console: Console, enrolled: Enrol,
    browser: Browser,
) -> None:  # fmt: skip
    organisation = CENTRE if role == "coordinator" else "redcross"
    browser.language = language
    enrolled(role, organisation=organisation, name="Zulmarixa Qorvelle")
    subscribe(browser, post, server, "digest", "z@cr.test")
    facts.hear(
        *waiting("late", recipient=organisation, need_code="protection.documents"),
        *steps("more", STATE.SENT, ago=3 * DAY, sender="iom", recipient=organisation),
        *steps("elsewhere", STATE.SENT, ago=3 * DAY, sender="iom", recipient="fuvadis"),
        *steps("done", STATE.SENT, STATE.COMPLETED, sender=organisation, recipient="iom"),
        *steps("to cancel", STATE.ACCEPTED, STATE.CANCEL_REQUESTED, sender="iom", recipient=organisation),
        *steps("to delete", STATE.SENT, STATE.CONSENT_WITHDRAWN, sender="iom", recipient=organisation),
        says(noted("p", "purge_owed", "consent_withdrawn", referral_id=an_id("to delete"), awaited=(organisation,))),
    )
    server.taken.clear()
    now = clock.now()
    with database.connect(console.url) as tx:
        (reader,) = notices.readers(tx)
        notices.add_digests(tx, [reader["staff"]], day_of(now).begins.date(), now)
    post.send()
    (one,) = server.taken
    text = translations(language).gettext
    hoy = browser.get("/hoy").text
    body = one.mail.get_content()
    found = {line for line in body.splitlines() if re.search(r": \d+$", line)}
    shown = {
        f"{text(reason.heading)}: {many[1]}"
        for reason in today.REASONS.values()
        if (many := re.search(re.escape(text(reason.heading)) + r"\D{0,80}?(\d+)", hoy))
    }
    assert found == shown
    assert len(found) >= 3
    for bucket in (Bucket.TO_PURGE, Bucket.TO_CANCEL):
        assert f"{text(today.REASONS[bucket].heading)}: 1" in found
    assert f"{CONSOLE}/hoy" in body
    assert f"{CONSOLE}/avisos" in body
    named = console.settings.organisations()[organisation].name
    assert named in body
    assert named in str(one.mail["Subject"])
    names = ("late", "more", "elsewhere", "done")
    planted = [code_of(name) for name in names] + [str(an_id(name)) for name in names]
    for word in [*planted, "Zulmarixa", "Qorvelle", "protection", "health", "fuvadis", "iom", "OIM"]:
        assert word not in one.text


def test_emergencies_come_at_once_and_once_ten_minutes_apart(
    post: Post, server: MailServer, facts: Kept, console: Console, enrolled: Enrol, browser: Browser
) -> None:
    enrolled("partner_staff")
    subscribe(browser, post, server, "all", "ana@cr.test")
    server.taken.clear()
    facts.hear(*waiting("calm"), *waiting("theirs", urgency=Urgency.EMERGENCY, recipient="iom"))
    post.go()
    assert server.taken == []
    facts.hear(*waiting("first", urgency=Urgency.EMERGENCY), *waiting("second", urgency=Urgency.EMERGENCY))
    post.go()
    facts.hear(*waiting("third", urgency=Urgency.EMERGENCY))
    post.go()
    (one,) = server.taken
    assert "esperan su respuesta: 2" in one.mail.get_content()
    with clock.ahead(timedelta(minutes=11)):
        post.go()
        post.go()
    assert len(server.taken) == 2
    assert "Una emergencia nueva" in server.taken[1].mail.get_content()
    for word in [code_of("first"), code_of("third"), str(an_id("third")), "health"]:
        assert all(word not in each.text for each in server.taken)
    facts.hear(*steps("first", STATE.SENT, STATE.RECEIVED, STATE.ACCEPTED, sender="iom", recipient="redcross",
                      urgency=Urgency.EMERGENCY))  # fmt: skip
    with database.connect(console.url) as tx:
        post.mailer.forget(tx)
    assert len(console.query("select * from notice_told")) == 2
    assert console.query("select * from notice_told where referral_id = %s", an_id("first")) == []


def test_who_wants_the_digest_alone_is_not_told_of_emergencies(
    post: Post, server: MailServer, facts: Kept, enrolled: Enrol, browser: Browser
) -> None:
    enrolled("partner_staff")
    subscribe(browser, post, server, "digest", "ana@cr.test")
    server.taken.clear()
    facts.hear(*waiting("first", urgency=Urgency.EMERGENCY))
    post.go()
    assert server.taken == []


def test_killed_before_it_was_taken_it_is_sent_once_and_after_that_again_as_the_same_mail(
    post: Post, server: MailServer, facts: Kept, console: Console, enrolled: Enrol, browser: Browser
) -> None:
    enrolled("partner_staff")
    subscribe(browser, post, server, "all", "ana@cr.test")
    server.taken.clear()
    facts.hear(*waiting("first", urgency=Urgency.EMERGENCY))
    post.look()
    with database.connect(console.url) as tx:  # it is taken, and the process ends
        assert notices.take(tx) is not None
        tx.rollback()
    tx = database.connect(console.url)
    assert post.mailer.send_one(tx)
    tx.rollback()  # as the server does for a process that ends before it says so
    tx.close()
    assert post.send() == 1
    assert post.send() == 0
    post.go()
    assert len(server.taken) == 2
    assert len({one.mail["Message-ID"] for one in server.taken}) == 1


def test_several_at_once_send_each_mail_once(
    post: Post, server: MailServer, facts: Kept, console: Console, enrolled: Enrol, another: Browser, browser: Browser
) -> None:
    for number, who in enumerate((browser, another)):
        enrolled("partner_staff", where=who)
        subscribe(who, post, server, "digest", f"u{number}@cr.test")
    facts.hear(*waiting("a"))
    server.taken.clear()

    def both() -> None:
        with at(7):
            Post(console, server.port).go()

    threads = [threading.Thread(target=both) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(one.to for one in server.taken) == ["u0@cr.test", "u1@cr.test"]


def test_no_page_waits_for_a_mail_that_is_on_its_way(
    post: Post, server: MailServer, facts: Kept, enrolled: Enrol, browser: Browser
) -> None:
    enrolled("partner_staff")
    on_its_way, go_on = threading.Event(), threading.Event()

    def hold(_: str) -> None:
        on_its_way.set()
        assert go_on.wait(60)

    server.before_taking = hold
    browser.open("/avisos", avisos="all", correo="ana@cr.test")
    sending = threading.Thread(target=post.send)
    sending.start()
    assert on_its_way.wait(60)
    assert browser.open("/avisos", avisos="digest", correo="eva@cr.test").status == 200
    assert browser.open("/avisos", avisos="off").status == 200
    go_on.set()
    sending.join()


def test_who_may_not_come_in_is_told_nothing(
    post: Post, server: MailServer, facts: Kept, console: Console, enrolled: Enrol, browser: Browser
) -> None:
    person = enrolled("partner_staff")
    subscribe(browser, post, server, "all", "ana@cr.test")
    server.taken.clear()
    facts.hear(*waiting("first", urgency=Urgency.EMERGENCY))
    post.look()
    console.say("redcross", OrganisationStatus.SUSPENDED)
    try:
        post.send()
        with at(8):
            post.go()
    finally:
        console.say("redcross", OrganisationStatus.ACTIVE)
    console.query("update staff set status = 'suspended' where code = %s", person.code)
    with at(8, days=2):
        post.go()
    console.query("update staff set status = 'active', roles = '{auditor}' where code = %s", person.code)
    with at(8, days=3):
        post.go()
    assert server.taken == []


def test_an_address_that_nobody_confirms_gets_only_its_codes(
    post: Post, server: MailServer, facts: Kept, console: Console, enrolled: Enrol, browser: Browser
) -> None:
    enrolled("partner_staff")
    facts.hear(*waiting("first", urgency=Urgency.EMERGENCY))
    browser.open("/avisos", avisos="all", correo="otra@ajena.test")
    with at(8):
        post.go()
    (one,) = server.taken
    right = CODE.search(one.mail.get_content())
    assert right is not None
    assert "Cruz" not in one.text
    wrong = "000000" if right[0] != "000000" else "000001"
    for _ in range(notices.CODE_TRIES):
        assert confirm(browser, wrong).status == 422
    assert confirm(browser, right[0]).status == 422  # too late
    for _ in range(2):
        browser.open("/avisos", avisos="all", correo="otra@ajena.test")
    post.go()
    console.query("update attempt set count = 20, last_at = clock_timestamp()")
    assert browser.open("/avisos", avisos="all", correo="otra@ajena.test").status == 422  # too often
    assert len(server.taken) == 2  # of two codes that were asked for before one was sent, the last
    console.age("notice_choice", 16 * 60, "code_until")
    right = CODE.search(server.taken[-1].mail.get_content())
    assert right is not None
    assert confirm(browser, right[0]).status == 422  # too old
    with at(8):
        post.go()
    assert len(server.taken) == 2


def test_another_address_has_to_be_confirmed_and_off_forgets_it(
    post: Post, server: MailServer, facts: Kept, console: Console, enrolled: Enrol, browser: Browser
) -> None:
    enrolled("partner_staff")
    facts.hear(*waiting("first", urgency=Urgency.EMERGENCY))
    subscribe(browser, post, server, "digest", "ana@cr.test")
    browser.open("/avisos", avisos="all", correo="eva@cr.test")
    server.taken.clear()
    with at(8):
        post.go()
    assert [one.to for one in server.taken] == ["eva@cr.test"]  # the code
    assert "a…@cr.test" not in browser.get("/avisos").text
    assert "e…@cr.test" in browser.get("/avisos").text
    assert "eva@cr.test" not in browser.get("/avisos").text
    browser.open("/avisos", avisos="off")
    assert console.query("select * from notice_choice") == []
    assert "notices_set" in {row["act"] for row in console.acts()}
    assert "cr.test" not in str(console.acts())


def test_the_database_has_neither_address_nor_code(
    post: Post, server: MailServer, console: Console, enrolled: Enrol, browser: Browser
) -> None:
    enrolled("partner_staff")
    browser.open("/avisos", avisos="all", correo="ana@cr.test")
    post.send()
    code = CODE.search(server.taken[-1].mail.get_content())
    assert code is not None
    (row,) = console.query("select * from notice_choice")
    for column in (bytes(row["address"]), bytes(row["code"])):
        assert b"ana" not in column
        assert b"cr.test" not in column
        assert code[0].encode() not in column


NO_ADDRESSES = [
    "", "ana", "ana@", "a@b", "ana@cr.test\nbcc: x@y.z", "a b@cr.test", "a@cr.test,b@cr.test", "ñ@cr.test",
    f"{'a' * 65}@cr.test", f"a@{'b.' * 130}test", "<a@cr.test>",
]  # fmt: skip


@pytest.mark.parametrize("said", NO_ADDRESSES)
def test_what_is_no_address_is_sent_nothing(
    said: str, facts: Kept, console: Console, enrolled: Enrol, browser: Browser
) -> None:
    assert not is_address(said)
    enrolled("partner_staff")
    assert browser.open("/avisos", avisos="all", correo=said).status == 422
    assert console.query("select * from notice") == []


def test_a_server_that_is_away_is_said_and_everything_is_sent_when_it_is_back(
    post: Post, server: MailServer, facts: Kept, console: Console, enrolled: Enrol, browser: Browser
) -> None:
    enrolled("partner_staff")
    subscribe(browser, post, server, "all", "ana@cr.test")
    server.taken.clear()
    facts.hear(*waiting("first", urgency=Urgency.EMERGENCY))
    away = Post(console, 1)
    away.go()
    assert health._problems["mail server"].code == "away"
    assert away.send() == 0  # it waits before it asks again
    away.mailer._server = post.mailer._server
    away.mailer._goes_on_at = 0.0
    away.send()
    assert len(server.taken) == 1
    assert "mail server" not in health._problems


def test_whose_address_is_refused_keeps_nobody_waiting(
    post: Post, server: MailServer, facts: Kept, console: Console, enrolled: Enrol, another: Browser, browser: Browser
) -> None:
    for name, who in (("gone", browser), ("busy", another)):
        enrolled("partner_staff", where=who)
        subscribe(who, post, server, "all", f"{name}@cr.test")
    third = Browser(browser.running)
    enrolled("partner_staff", where=third)
    subscribe(third, post, server, "all", "well@cr.test")
    server.taken.clear()
    server.answers = {"gone@cr.test": "550 nobody here", "busy@cr.test": "450 later"}
    facts.hear(*waiting("first", urgency=Urgency.EMERGENCY))
    post.go()
    assert [one.to for one in server.taken] == ["well@cr.test"]
    assert "su servidor no lo recibió" in browser.get("/avisos").text
    server.answers = {}
    with clock.ahead(timedelta(minutes=9)):
        post.go()
    assert len(server.taken) == 1  # who is busy is tried in a minute
    console.age("notice", 120, "look_at")
    post.go()
    assert [one.to for one in server.taken] == ["well@cr.test", "busy@cr.test"]


def test_what_is_not_encrypted_is_not_said_but_to_this_machine(server: MailServer, post: Post) -> None:
    there = replace(Server.read(f"smtp://ruta:secreta@127.0.0.1:{server.port}"), needs_tls=True)
    letter = post.mailer._mail(Letter("asunto", "cuerpo\n"), "ana@cr.test", "x", clock.now())
    with pytest.raises(Away) as refused:
        there.send(letter, SENDER, "ana@cr.test")
    assert refused.value.code == "no_tls"
    assert server.taken == []
    assert server.logins == 0
    assert Server.read("smtp://mail.example.org").needs_tls
    assert not Server.read("smtp://localhost").needs_tls


def test_with_starttls_it_is_encrypted_to_whom_it_trusts(
    post: Post, monkeypatch: pytest.MonkeyPatch, console: Console
) -> None:
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    letter = post.mailer._mail(Letter("asunto", "cuerpo\n"), "ana@cr.test", "x", clock.now())
    with mail.serving(tls) as server:
        there = replace(Server.read(f"smtp://ruta:secreta@localhost:{server.port}"), needs_tls=True)
        with pytest.raises(Away) as refused:  # nobody knows who has issued this
            there.send(letter, SENDER, "ana@cr.test")
        assert refused.value.code == "no_tls"
        assert server.logins == 0
        file = console.state.directory / "authority.pem"
        authority.cert_pem.write_to_path(file)
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        there.send(letter, SENDER, "ana@cr.test")
        assert [one.was_encrypted for one in server.taken] == [True]
        assert server.logins == 1
        server.login_answer = "535 no"
        with pytest.raises(Away) as refused:
            there.send(letter, SENDER, "ana@cr.test")
        assert refused.value.code == "login_refused"


@pytest.mark.parametrize("url", ["", "mail.example.org", "http://mail.example.org", "smtp://", "smtp://u:p@h:x",
                                 "smtp://user@mail.example.org", "smtps://h/path", "smtp://h?x=1"])  # fmt: skip
def test_a_setting_that_is_no_server_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(UnusableServer) as refused:
        Server.read(url)
    assert "mail.example" not in str(refused.value)


def test_the_password_stands_in_no_description() -> None:
    assert "secreta" not in repr(Server.read("smtps://ruta:secreta%40@mail.example.org"))
    assert Server.read("smtps://ruta:secreta%40@mail.example.org").password == "secreta@"


def test_without_a_server_the_page_says_so_and_keeps_nothing(console: Console, facts: Kept, enrolled: Enrol) -> None:
    browser = Browser(console.run())
    enrolled("partner_staff", where=browser)
    assert "Esta red no envía correos" in browser.get("/avisos").text
    browser.get("/")
    browser.send("/avisos", avisos="all", correo="ana@cr.test")
    assert console.query("select * from notice_choice") == []


def test_of_whom_is_erased_nothing_is_remembered(
    post: Post, server: MailServer, facts: Kept, console: Console, enrolled: Enrol, browser: Browser
) -> None:
    enrolled("partner_staff")
    subscribe(browser, post, server, "all", "ana@cr.test")
    facts.hear(*waiting("first", urgency=Urgency.EMERGENCY))
    post.go()
    assert len(console.query("select * from notice_told")) == 1
    with psycopg.connect(console.url) as tx:
        tx.execute("insert into forgotten_referral (referral_id) values (%s)", (an_id("first"),))
    assert console.query("select * from notice_told") == []


def test_a_masked_address_is_known_by_whoever_knows_it() -> None:
    assert page.masked("ana.perez@cruzroja.org") == "a…@cruzroja.org"


# -- an office --------------------------------------------------------------------------------------------------------

OFFICE = "oficina@cruzroja.test"


@pytest.fixture
def coordinator(console: Console, enrolled: Enrol, browser: Browser) -> Iterator[Browser]:
    """Who coordinates for the centre, while the Red Cross uses the hub's screens."""
    hosted = {*console.hosted}
    console.host("redcross")
    enrolled("coordinator", organisation=CENTRE)
    eventually(lambda: 'value="redcross"' in browser.get("/avisos/oficina").text)
    yield browser
    console.hosted = hosted
    console.host()


def ask_for_office(browser: Browser, wants: str, **more: str) -> Answer:
    browser.get("/avisos/oficina?de=redcross")
    return browser.send("/avisos/oficina", avisos=wants, de="redcross", **more)


def test_an_address_of_an_office_that_is_not_taken_is_typed_anew(console: Console, coordinator: Browser) -> None:
    coordinator.get("/avisos/oficina?de=redcross")
    console.age("session", 11 * 60, "seen_at")
    answer = coordinator.send("/avisos/oficina", avisos="all", de="redcross", correo=OFFICE)
    assert answer.leads_to == "/abrir?a=/avisos/oficina"
    assert console.query("select from kept_form") == []


def test_an_office_is_told_once_its_code_is_typed_and_of_its_organisation_alone(
    post: Post, server: MailServer, facts: Kept, console: Console, coordinator: Browser
) -> None:
    facts.hear(*waiting("a", urgency=Urgency.EMERGENCY), *waiting("b", recipient="fuvadis"))
    assert ask_for_office(coordinator, "all", correo=OFFICE).status == 200
    with at(8):
        post.go()
    (first,) = server.taken  # nothing but the code
    text = first.mail.get_content()
    assert "díctele el código" in text.replace("\n", " ")
    code = CODE.search(text)
    assert code is not None
    assert coordinator.send("/avisos/oficina/codigo", codigo="000000", de="redcross").status == 422
    assert coordinator.send("/avisos/oficina/codigo", codigo=code[0], de="redcross").status == 200
    with at(8):
        post.go()
        post.go()
    mails = [one.mail for one in server.to(OFFICE)[1:]]
    assert len(mails) == 2  # the emergency, and the digest
    for mail_ in mails:
        assert "Cruz Roja" in mail_["Subject"]
        assert mail_["List-Unsubscribe"] == f"<{CONSOLE}/avisos/oficina>"
        assert code_of("a") not in mail_.get_content()
    noted = [row["details"] for row in console.acts("notices_set")[-2:]]
    assert all('"office":"redcross"' in one for one in noted)
    assert ask_for_office(coordinator, "off").status == 200
    assert console.query("select staff from notice_choice") == []


def test_of_an_office_that_takes_part_no_longer_nobody_is_told(
    post: Post, server: MailServer, facts: Kept, console: Console, coordinator: Browser
) -> None:
    ask_for_office(coordinator, "all", correo=OFFICE)
    console.query("update notice_choice set confirmed_at = since, code = null, code_notice = null, code_until = null")
    facts.hear(*waiting("a", urgency=Urgency.EMERGENCY))
    console.say("redcross", OrganisationStatus.SUSPENDED)
    try:
        post.go()
        assert server.taken == []
    finally:
        console.say("redcross", OrganisationStatus.ACTIVE)


def test_an_office_that_uses_no_screens_here_is_nobodys_to_ask_for(coordinator: Browser) -> None:
    assert coordinator.get("/avisos/oficina?de=americares").status == 404
    coordinator.get("/avisos/oficina")
    assert coordinator.send("/avisos/oficina", avisos="all", de="americares", correo=OFFICE).status == 404


def test_one_office_is_not_sent_codes_on_and_on(coordinator: Browser, facts: Kept) -> None:
    for _ in range(page.OF_CODES.free):
        assert ask_for_office(coordinator, "all", correo=OFFICE).status == 200
    assert ask_for_office(coordinator, "all", correo=OFFICE).status == 422


def test_with_an_account_goes_what_it_was_told(
    console: Console, facts: Kept, enrolled: Enrol, browser: Browser
) -> None:
    person = enrolled("partner_staff")
    browser.open("/avisos", avisos="all", correo="ana@correo.test")
    console.query("delete from staff where code = %s", person.code)
    for table in ("notice_choice", "notice", "notice_told"):
        assert console.query(f"select staff from {table} where staff = %s", person.code) == []
