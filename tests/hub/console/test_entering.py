"""Who comes in and how long they stay: enrolment, login, PIN, shared computers, recovery, and how all of it ends."""

import hashlib
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pyotp
import pytest

from contracts.codes import OrganisationStatus
from hub.console import audit
from hub.console.web import app, credentials, sessions, throttle
from messaging import database
from tests.hub.console.kit import CENTRE, PASSWORD, PIN, TOKEN, Browser, Console, Person, enrol, roles_of
from tests.waiting import eventually

Enrolled = Callable[..., Person]
MINUTE = 60
HOUR = 60 * MINUTE


@pytest.fixture(scope="module", autouse=True)
def cheap_hashes() -> None:
    """Passwords cost here what they cost everywhere."""


# -- the first time ----------------------------------------------------------------------------------------------------


def test_who_enrols_has_come_in_and_sees_who_they_are(enrolled: Enrolled, browser: Browser) -> None:
    person = enrolled("partner_staff", name="Luz Marina")
    home = browser.get("/")
    assert home.status == 200
    for said in ("Luz Marina", "Cruz Roja Colombiana", "equipo de una organización", person.code):
        assert said in home.text
    assert len(person.recovery_codes) == credentials.RECOVERY_CODES


def test_a_code_of_enrolment_is_good_once_and_for_three_days(
    console: Console, browser: Browser, another: Browser
) -> None:
    code, enrolment = console.invite("once")
    enrol(browser, code, "once", enrolment)
    assert another.open("/alta", code=enrolment).status == 401
    _, late = console.invite("late")
    console.age("staff", 73 * HOUR, "enrolment_until")
    assert another.open("/alta", code=late).status == 401
    assert another.get("/alta/datos").leads_to == "/alta"
    assert another.get("/alta/qr.svg").status == 404


def test_nobody_enrols_with_what_the_database_knows_of_a_code(console: Console, browser: Browser) -> None:
    code, _ = console.invite("database")
    (row,) = console.query("select enrolment from staff where code = %s", code)
    browser.get("/alta")
    browser.cookies["__Host-ruta"] = f"anything.{bytes(row['enrolment']).hex()}"
    assert browser.get("/alta/datos").leads_to == "/alta"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("password", "corta"),
        ("password", "aaaaaaaaaaaaaaaa"),
        ("password_again", "otra cosa muy distinta"),
        ("pin", "123456"),
        ("pin", "000000"),
        ("pin", "12345"),
        ("pin_again", "111112"),
        ("code", "000000"),
    ],
)
def test_what_is_wrong_with_a_form_stands_at_its_field_and_nothing_is_kept(
    console: Console, browser: Browser, field: str, value: str
) -> None:
    login = f"wrong.{hashlib.sha256((field + value).encode()).hexdigest()[:8]}"
    code, enrolment = console.invite(login)
    browser.open("/alta", code=enrolment)
    page = browser.get("/alta/datos")
    secret = page.text.split('class="code-word">')[1].split("<")[0]
    fields = {"password": PASSWORD, "password_again": PASSWORD, "pin": PIN, "pin_again": PIN}
    fields |= {"code": pyotp.TOTP(secret).now(), field: value}
    if field in ("password", "pin"):
        fields[f"{field}_again"] = value

    answer = browser.send("/alta/datos", **fields)

    assert answer.status == 422
    assert f'id="{field}-error"' in answer.text
    assert value not in answer.text
    assert console.query("select status from staff where code = %s", code) == [{"status": "invited"}]


def test_the_picture_for_the_authenticator_is_an_image_of_its_own(console: Console, browser: Browser) -> None:
    _, enrolment = console.invite("picture")
    browser.open("/alta", code=enrolment)
    picture = browser.get("/alta/qr.svg")
    assert picture.header("content-type") == "image/svg+xml"
    assert picture.body.startswith(b"<?xml")
    assert b'xmlns="http://www.w3.org/2000/svg"' in picture.body


# -- coming in ---------------------------------------------------------------------------------------------------------


def test_name_password_and_code_let_in_and_lead_to_the_page_that_was_asked_for(
    console: Console, enrolled: Enrolled, another: Browser
) -> None:
    person = enrolled("administrator", organisation=CENTRE)
    assert another.get("/recuperar").leads_to == "/entrar?a=/recuperar"
    another.get("/entrar?a=/recuperar")
    console.query("update staff set totp_step = 0 where code = %s", person.code)
    code = pyotp.TOTP(person.secret).now()
    answer = another.send("/entrar", a="/recuperar", login=f" {person.login.upper()} ", password=PASSWORD, code=code)
    assert answer.leads_to == "/recuperar"
    assert another.get("/recuperar").status == 200


@pytest.mark.parametrize(
    "said",
    ["//evil.example", "https://evil.example", "/\\evil.example", "/a\nb", "javascript:x", "/ñ", "/" + "a" * 600],
)
def test_nobody_is_led_to_another_server(console: Console, enrolled: Enrolled, another: Browser, said: str) -> None:
    person = enrolled()
    console.query("update staff set totp_step = 0 where code = %s", person.code)
    another.get("/entrar")
    answer = another.send(
        "/entrar", a=said, login=person.login, password=PASSWORD, code=pyotp.TOTP(person.secret).now()
    )
    assert answer.leads_to == "/"


def test_whatever_is_wrong_is_answered_alike(console: Console, enrolled: Enrolled, another: Browser) -> None:
    person, suspended = enrolled(), enrolled()
    invited, _ = console.invite("invited")
    with console.office() as office:
        office.suspend(suspended.code)
    console.query("truncate attempt")
    nobody = Person("", "nobody.at.all", person.secret, ())
    pages = {
        "unknown": console.log_in(another, nobody),
        "password": console.log_in(another, person, password="otra contraseña cualquiera"),
        "code": console.log_in(another, person, code="123456"),
        "suspended": console.log_in(another, suspended),
        "invited": console.log_in(another, Person(invited, "invited", person.secret, ())),
    }
    assert {one.status for one in pages.values()} == {401}
    assert len({TOKEN.sub("", one.text) for one in pages.values()}) == 1  # which is masked anew in each
    assert len({tuple(name for name, _ in one.headers) for one in pages.values()}) == 1
    whys = [row["details"].split('"why":"')[1].split('"')[0] for row in console.acts("login_failed")[-5:]]
    assert whys == ["unknown", "password", "code", "suspended", "password"]


def test_the_same_work_is_done_for_a_name_that_nobody_has(
    console: Console, enrolled: Enrolled, another: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = enrolled()
    console.query("truncate attempt")
    done: list[str] = []
    for name in ("is_right", "totp_step"):
        monkeypatch.setattr(credentials, name, noted(name, getattr(credentials, name), done))
    for wrong in (Person("", "nobody.either", person.secret, ()), person):
        console.log_in(another, wrong, password="otra contraseña cualquiera")
    assert done == ["is_right", "totp_step"] * 2


def test_a_code_of_the_authenticator_is_good_once(console: Console, enrolled: Enrolled, another: Browser) -> None:
    person = enrolled()
    assert console.log_in(another, person).leads_to == "/"
    console.query("truncate attempt")
    assert Browser(another.running).log_in(person).status == 401


def test_a_recovery_code_opens_once_however_it_is_typed(console: Console, enrolled: Enrolled, another: Browser) -> None:
    person = enrolled()
    code = person.recovery_codes[3]
    assert console.log_in(another, person, code=code.replace("-", " ").lower()).leads_to == "/"
    assert console.acts("login")[-1]["details"].startswith('{"by_recovery_code":true')
    assert console.log_in(Browser(another.running), person, code=code).status == 401


def test_few_recovery_codes_left_are_said_on_the_first_page(
    console: Console, enrolled: Enrolled, browser: Browser
) -> None:
    person = enrolled()
    assert "código de recuperación" not in browser.get("/").text
    console.query("update recovery_code set used_at = now() where staff = %s", person.code)
    assert "Le quedan 0 códigos de recuperación." in browser.get("/").text


def test_a_cookie_from_before_the_login_is_nobodys_afterwards(
    console: Console, enrolled: Enrolled, another: Browser
) -> None:
    person = enrolled()
    another.get("/entrar")
    before = another.cookies["__Host-ruta"]
    console.log_in(another, person)
    assert another.cookies["__Host-ruta"] != before
    another.cookies["__Host-ruta"] = before
    assert another.get("/").leads_to == "/entrar?a=/"


def test_cookies_are_only_for_this_host_and_no_script(enrolled: Enrolled, browser: Browser) -> None:
    enrolled()
    names = {one.partition("=")[0] for one in browser.set_cookies}
    assert names == {"__Host-ruta", "__Host-ruta-known"}
    for one in browser.set_cookies:
        assert {"HttpOnly", "Secure", "Path=/", "SameSite=lax"} <= {part.strip() for part in one.split(";")}
        assert "Domain" not in one


# -- who tries again and again -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_known", [True, False])
def test_who_tries_a_name_again_and_again_has_to_wait_whether_anybody_has_it_or_not(
    console: Console, enrolled: Enrolled, another: Browser, is_known: bool
) -> None:
    person = enrolled() if is_known else Person("", "nobody.here", enrolled().secret, ())
    console.query("truncate attempt")
    answers = [console.log_in(another, person, password="una mala") for _ in range(throttle.OF_A_NAME.free + 1)]
    assert [one.status for one in answers] == [401] * throttle.OF_A_NAME.free + [429]
    assert int(answers[-1].header("retry-after") or 0) in range(1, throttle.FIRST + 1)
    assert "nada quedó bloqueado" in answers[-1].text


def test_nobody_is_locked_out_for_good(console: Console, enrolled: Enrolled, another: Browser) -> None:
    person = enrolled()
    console.query("update attempt set count = 1000000, last_at = now()")
    assert console.log_in(another, person).leads_to == "/"  # counts of others
    for _ in range(30):
        console.log_in(Browser(another.running), person, password="una mala")
    console.query("update attempt set count = 1000000, last_at = clock_timestamp()")
    stranger = Browser(another.running)
    answer = console.log_in(stranger, person)
    assert answer.status == 429
    assert int(answer.header("retry-after") or 0) <= throttle.OF_A_NAME.longest
    console.age("attempt", throttle.OF_A_NAME.longest, "last_at")
    assert console.log_in(stranger, person).leads_to == "/"


def test_where_somebody_has_come_in_before_attempts_of_others_do_not_keep_them_out(
    console: Console, enrolled: Enrolled, browser: Browser, another: Browser
) -> None:
    person = enrolled()
    browser.get("/")
    browser.send("/salir")
    for _ in range(throttle.OF_A_NAME.free + 1):
        console.log_in(another, person, password="una mala")
    assert console.log_in(another, person).status == 429
    assert console.log_in(browser, person).leads_to == "/"


def test_who_comes_in_begins_anew_by_name_and_the_address_of_many_does_not(
    console: Console, enrolled: Enrolled, another: Browser
) -> None:
    person = enrolled()
    console.query("truncate attempt")
    another.address = "192.0.2.9"
    for _ in range(2):
        console.log_in(another, person, password="una mala")
    assert sorted(row["count"] for row in console.query("select count from attempt")) == [2, 2]
    console.log_in(another, person)
    assert [row["count"] for row in console.query("select count from attempt")] == [2]


def test_an_office_behind_one_address_comes_in_whoever_else_tries_there(
    console: Console, enrolled: Enrolled, another: Browser
) -> None:
    person = enrolled()
    console.query("truncate attempt")
    another.address = "192.0.2.10"
    assert another.open("/alta", code="wrong").status == 401  # counts for the address alone
    console.query("update attempt set count = %s", throttle.OF_AN_ADDRESS.free - 1)
    for _ in range(3):
        assert console.log_in(Browser(another.running, another.address), person).leads_to == "/"
    _, enrolment = console.invite("office")
    for _ in range(3):
        assert Browser(another.running, another.address).open("/alta", code=enrolment).leads_to == "/alta/datos"


def test_in_a_browser_that_is_known_nobody_waits_for_who_tries_from_the_same_address(
    console: Console, enrolled: Enrolled, browser: Browser, another: Browser
) -> None:
    person = enrolled()
    browser.address = another.address = "192.0.2.11"
    browser.get("/")
    browser.send("/salir")
    console.log_in(another, Person("", "nobody.there", person.secret, ()))
    console.query("update attempt set count = 1000, last_at = clock_timestamp()")
    assert console.log_in(another, person).status == 429
    assert console.log_in(browser, person).leads_to == "/"


def test_an_address_that_tries_many_names_has_to_wait(console: Console, running: object, browser: Browser) -> None:
    browser.address = "192.0.2.7"
    console.query("truncate attempt")
    nobody = [Person("", f"nobody{number}", "A" * 32, ()) for number in range(throttle.OF_AN_ADDRESS.free + 1)]
    assert [browser.log_in(one).status for one in nobody] == [401] * throttle.OF_AN_ADDRESS.free + [429]
    browser.address = "192.0.2.8"
    assert browser.log_in(nobody[0]).status == 401


def test_what_attempts_are_counted_by_cannot_be_read(console: Console, enrolled: Enrolled, another: Browser) -> None:
    console.query("truncate attempt")
    console.log_in(another, enrolled(), password="una mala")
    (row,) = console.query("select subject from attempt")
    assert len(row["subject"]) == 32


# -- locking, and a shared computer ------------------------------------------------------------------------------------


def test_an_idle_session_is_locked_and_its_pin_opens_it_where_one_was(
    console: Console, enrolled: Enrolled, browser: Browser
) -> None:
    person = enrolled("administrator", organisation=CENTRE)
    console.age("session", 9 * MINUTE, "seen_at")
    assert browser.get("/recuperar").status == 200
    console.age("session", 11 * MINUTE, "seen_at")
    assert browser.get("/recuperar").leads_to == "/abrir?a=/recuperar"
    assert browser.open("/abrir?a=/recuperar", who=session_of(console, person), pin="111112").status == 401
    assert browser.send("/abrir", who=session_of(console, person), pin=PIN, a="/recuperar").leads_to == "/recuperar"
    assert browser.get("/recuperar").status == 200
    acts = [row["act"] for row in console.acts() if row["actor"] == f"staff:{person.code}"]
    assert acts == ["enrolled", "session_locked", "pin_failed", "session_unlocked"]


def test_a_page_leads_to_the_pin_by_itself_when_nobody_does_anything(enrolled: Enrolled, browser: Browser) -> None:
    enrolled()
    assert browser.get("/").header("refresh") == "601;url=/abrir"
    assert browser.get("/").status == 200


def test_what_is_posted_to_a_locked_session_is_not_done(console: Console, enrolled: Enrolled, browser: Browser) -> None:
    person = enrolled("administrator", organisation=CENTRE)
    browser.get("/recuperar")
    console.age("session", 11 * MINUTE, "seen_at")
    assert browser.send("/recuperar", staff=person.code).leads_to == "/abrir?a=/recuperar"
    assert console.query("select * from recovery") == []


@pytest.mark.parametrize("is_over", [False, True])
def test_what_was_typed_waits_for_who_typed_it_and_for_nobody_else(
    console: Console, enrolled: Enrolled, browser: Browser, another: Browser, is_over: bool
) -> None:
    console.query("truncate kept_form")
    person = enrolled("administrator", organisation=CENTRE)
    colleague = enrolled("administrator", organisation=CENTRE, where=another)
    browser.get("/recuperar")
    if is_over:
        console.query("update session set ends_at = now() where staff = %s", person.code)
        assert browser.send("/recuperar", staff="s-typed-1").leads_to == "/entrar?a=/recuperar"
    else:
        console.age("session", 11 * MINUTE, "seen_at")
        assert browser.send("/recuperar", staff="s-typed-1").leads_to == "/abrir?a=/recuperar"
    console.query("update session set seen_at = now(), locked_at = null where staff = %s", colleague.code)
    assert "s-typed-1" not in another.get("/recuperar").text
    assert "s-typed-1" not in browser.get("/abrir").text + browser.get("/entrar").text
    assert b"s-typed-1" not in bytes(console.query("select content from kept_form")[0]["content"])

    console.log_in(browser, person)
    page = browser.get("/recuperar").text
    assert 'value="s-typed-1"' in page
    assert "todavía no se ha hecho" in page
    assert "todavía no se ha hecho" not in browser.get("/").text
    browser.get("/recuperar")
    assert "Queda pedido" in browser.send("/recuperar", staff=colleague.code).text
    assert "s-typed-1" not in browser.get("/recuperar").text
    assert console.query("select * from kept_form") == []
    console.query("truncate recovery")


def test_a_form_that_a_colleague_has_opened_is_not_sent_in_the_name_of_who_uses_the_computer_now(
    console: Console, enrolled: Enrolled, browser: Browser, another: Browser
) -> None:
    console.query("truncate kept_form, recovery")
    first = enrolled("administrator", organisation=CENTRE)
    second = enrolled("administrator", organisation=CENTRE, where=another)
    console.log_in(browser, second)
    browser.get("/recuperar")
    theirs = browser.page
    assert browser.open("/abrir", who=session_of(console, first), pin=PIN).leads_to == "/"
    browser.page = theirs
    answer = browser.send("/recuperar", staff="s-typed-1")
    assert (answer.status, "form_expired" in answer.text) == (403, True)

    browser.page = theirs
    console.age("session", 11 * MINUTE, "seen_at")
    assert browser.send("/recuperar", staff="s-typed-1").leads_to == "/abrir"
    browser.page = theirs
    console.query("update session set ends_at = now() where staff = %s", first.code)
    assert browser.send("/recuperar", staff="s-typed-1").leads_to == "/entrar"
    assert console.query("select * from kept_form") == []
    assert console.query("select * from recovery") == []


def test_whose_session_was_over_is_who_used_the_browser_last(
    console: Console, enrolled: Enrolled, browser: Browser, another: Browser
) -> None:
    console.query("truncate kept_form")
    first = enrolled("administrator", organisation=CENTRE)
    second = enrolled("administrator", organisation=CENTRE, where=another)
    console.log_in(browser, second)  # who began later, and uses it no more
    assert browser.open("/abrir", who=session_of(console, first), pin=PIN).leads_to == "/"
    browser.get("/recuperar")
    console.query("update session set ends_at = now() where staff = %s", first.code)
    assert browser.send("/recuperar", staff="s-typed-1").leads_to == "/entrar?a=/recuperar"
    assert [row["staff"] for row in console.query("select staff from kept_form")] == [first.code]
    console.query("truncate kept_form")


def test_after_somebody_else_has_gone_nothing_is_kept_for_whose_session_was_over_before(
    console: Console, enrolled: Enrolled, browser: Browser, another: Browser
) -> None:
    first = enrolled()
    second = enrolled(where=another)
    console.log_in(browser, second)
    console.query(
        "update session set ended_at = now(), ended_by = 'age', is_current = false where staff = %s", first.code
    )
    browser.get("/")
    browser.send("/salir")
    with database.connect(console.url) as connection:
        assert sessions.expired(connection, browser.cookies["__Host-ruta"]) is None


def test_after_five_wrong_pins_the_page_that_says_so_lets_in_by_password(
    console: Console, enrolled: Enrolled, browser: Browser
) -> None:
    person = enrolled()
    browser.get("/")
    browser.send("/bloquear")
    who = session_of(console, person)
    for _ in range(5):
        browser.open("/abrir", who=who, pin="111112")
    console.query("update staff set totp_step = 0 where code = %s", person.code)
    code = pyotp.TOTP(person.secret).now()
    assert browser.send("/entrar", login=person.login, password=PASSWORD, code=code).leads_to == "/"


def test_what_was_searched_for_waits_in_the_form_of_the_search(
    console: Console, enrolled: Enrolled, browser: Browser
) -> None:
    person = enrolled()
    assert '<input type="hidden" name="a" value="/buscar">' in browser.get("/buscar").text
    console.age("session", 11 * MINUTE, "seen_at")
    assert browser.send("/buscar/casos", a="/buscar", q="K7M2-4XQD").leads_to == "/abrir?a=/buscar"
    assert browser.open("/abrir", who=session_of(console, person), pin=PIN, a="/buscar").leads_to == "/buscar"
    assert 'value="K7M2-4XQD"' in browser.get("/buscar").text
    browser.send("/buscar/casos", a="/buscar", q="K7M2-4XQD")
    assert 'K7M2-4XQD"' not in browser.get("/buscar").text


def test_what_nobody_comes_back_for_is_dropped_after_three_days_though_nobody_does_anything(
    console: Console, enrolled: Enrolled, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = enrolled()
    monkeypatch.setattr(app, "DROP_EVERY", 0.1)
    console.run()
    for path, hours in (("/old", 73), ("/new", 71)):
        console.query("insert into kept_form values (%s, %s, '', now() - make_interval(hours => %s))",
                      person.code, path, hours)  # fmt: skip
    eventually(lambda: console.query("select path from kept_form") == [{"path": "/new"}])
    console.query("truncate kept_form")


def test_what_a_form_led_to_is_dropped_after_a_quarter_of_an_hour_though_nobody_does_anything(
    console: Console, enrolled: Enrolled, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = console.query("select id from session where staff = %s", enrolled().code)[0]["id"]
    monkeypatch.setattr(app, "DROP_EVERY", 0.1)
    console.run()
    for path, minutes in (("/old", 16), ("/new", 14)):
        console.query("insert into kept_answer values (%s, %s, '', now() - make_interval(mins => %s))",
                      session, path, minutes)  # fmt: skip
    sql = "select path from kept_answer where session = %s"
    eventually(lambda: console.query(sql, session) == [{"path": "/new"}])


def test_with_anybody_who_is_erased_goes_all_that_was_typed(console: Console, enrolled: Enrolled) -> None:
    console.query("insert into kept_form values (%s, '/', '')", enrolled().code)
    with database.connect(console.url) as connection:
        audit.forget(connection, str(uuid4()))
        assert connection.execute("select * from kept_form").fetchall() == []


@pytest.mark.parametrize("why", ["logout", "token", "role", "days"])
def test_what_is_nobodys_is_not_kept(console: Console, enrolled: Enrolled, browser: Browser, why: str) -> None:
    console.query("truncate kept_form")
    person = enrolled("administrator", organisation=CENTRE)
    browser.get("/recuperar")
    page = browser.page
    fields = {"staff": "s-typed-1"}
    if why == "logout":
        browser.send("/salir")
        browser.page = page
    else:
        console.age("session", 11 * MINUTE, "seen_at")
    if why == "role":
        console.query("update staff set roles = array['auditor'] where code = %s", person.code)
    if why == "token":
        assert browser.post("/recuperar", {**fields, "form_token": "0" * 64}).leads_to == "/abrir"
    else:
        browser.send("/recuperar", **fields)
    if why == "days":
        console.age("kept_form", 73 * HOUR, "kept_at")
        console.log_in(browser, person)
        assert "s-typed-1" not in browser.get("/recuperar").text
        console.query("truncate kept_form")
    assert console.query("select * from kept_form") == []


def test_five_wrong_pins_end_a_session(console: Console, enrolled: Enrolled, browser: Browser) -> None:
    person = enrolled()
    browser.get("/")
    assert browser.send("/bloquear").leads_to == "/abrir"
    who = session_of(console, person)
    answers = [browser.open("/abrir", who=who, pin="111112") for _ in range(5)]
    assert "Fueron cinco intentos" in answers[-1].text
    assert browser.get("/abrir").leads_to == "/entrar"
    assert browser.get("/").leads_to == "/entrar?a=/"
    assert console.query("select ended_by from session where id = %s", who) == [{"ended_by": "pin"}]


def test_colleagues_change_by_pin_on_a_shared_computer(
    console: Console, enrolled: Enrolled, browser: Browser, another: Browser
) -> None:
    first = enrolled(name="Ana María")
    second = enrolled(name="Luis Alberto", where=another)
    console.log_in(browser, second)
    assert "Luis Alberto" in browser.get("/").text
    assert browser.send("/bloquear").leads_to == "/abrir"
    page = browser.get("/abrir")
    assert page.text.index("Luis Alberto") < page.text.index("Ana María")
    assert browser.send("/abrir", who=session_of(console, first), pin=PIN).leads_to == "/"
    assert "Ana María" in browser.get("/").text
    assert console.query("select is_current, locked_at is null as open from session where staff = %s and "
                         "browser in (select browser from session where staff = %s)", second.code, first.code) == [
        {"is_current": False, "open": False}
    ]  # fmt: skip
    browser.send("/salir")
    assert browser.get("/abrir").status == 200  # the colleague's is there still, locked
    assert "Ana María" not in browser.get("/abrir").text


def test_staff_of_another_organisation_leave_nothing_behind_in_a_browser(
    console: Console, enrolled: Enrolled, browser: Browser, another: Browser
) -> None:
    enrolled(name="Ana María")
    stranger = enrolled(organisation="iom", name="Otra Gente", where=another)
    console.log_in(browser, stranger)
    assert "Ana María" not in browser.get("/abrir").text


def test_nobody_opens_a_session_of_another_browser(
    console: Console, enrolled: Enrolled, browser: Browser, another: Browser
) -> None:
    person, colleague = enrolled(), enrolled(where=another)
    assert browser.open("/abrir", who=session_of(console, colleague), pin=PIN).leads_to == "/entrar"
    assert person.code in browser.get("/").text


# -- the end -----------------------------------------------------------------------------------------------------------


def test_salir_ends_the_session_and_leaves_nothing_in_the_browser(
    console: Console, enrolled: Enrolled, browser: Browser
) -> None:
    person = enrolled()
    home = browser.get("/")
    assert home.header("cache-control") == "no-store"
    kept = dict(browser.cookies)
    answer = browser.send("/salir")
    assert answer.leads_to == "/entrar"
    assert answer.header("clear-site-data") == '"cache"'
    browser.cookies = kept
    assert browser.get("/").leads_to == "/entrar?a=/"
    assert console.query("select ended_by from session where staff = %s", person.code) == [{"ended_by": "logout"}]


def test_who_is_suspended_is_out_with_the_next_request_in_every_browser_and_may_be_resumed(
    console: Console, enrolled: Enrolled, browser: Browser, another: Browser
) -> None:
    person = enrolled("administrator", organisation=CENTRE)
    console.log_in(another, person)
    browser.get("/recuperar")
    with console.office() as office:
        assert "2 sessions have ended" in office.suspend(person.login)
        assert "already" in office.suspend(person.code)
    assert browser.send("/recuperar", staff="s-anybody").leads_to == "/entrar"
    assert another.get("/").leads_to == "/entrar?a=/"
    assert console.log_in(another, person).status == 401
    with console.office() as office:
        office.resume(person.code)
    assert console.log_in(another, person).leads_to == "/"


def test_staff_of_a_suspended_organisation_are_out_as_long_as_it_is(
    console: Console, enrolled: Enrolled, browser: Browser, another: Browser
) -> None:
    person = enrolled(organisation="fuvadis")
    console.say("fuvadis", OrganisationStatus.SUSPENDED)
    try:
        eventually(lambda: browser.get("/").leads_to == "/entrar?a=/")
        assert console.log_in(another, person).status == 401
        assert browser.open("/abrir", who=session_of(console, person), pin=PIN).leads_to == "/entrar"
    finally:
        console.say("fuvadis", OrganisationStatus.ACTIVE)
    eventually(lambda: browser.get("/").status == 200)


def test_a_session_ends_after_half_a_day_whatever_one_does(
    console: Console, enrolled: Enrolled, browser: Browser
) -> None:
    enrolled()
    console.query("update session set ends_at = now() - interval '1 second' where ended_at is null")
    assert browser.get("/").leads_to == "/entrar?a=/"
    assert browser.get("/abrir").leads_to == "/entrar"


# -- recovery ----------------------------------------------------------------------------------------------------------


def test_two_administrators_let_somebody_begin_anew(
    console: Console, enrolled: Enrolled, browser: Browser, another: Browser
) -> None:
    lost_in = Browser(browser.running)
    lost = enrolled(where=lost_in)
    first = enrolled("administrator", organisation=CENTRE)
    second = enrolled("administrator", organisation=CENTRE, where=another)

    assert "Nadie recupera su propio acceso" in browser.open("/recuperar", staff=first.code).text
    assert "No hay nadie con ese código" in browser.open("/recuperar", staff="s-nobody").text
    assert "Queda pedido" in browser.open("/recuperar", staff=lost.code).text
    assert "tiene que confirmarlo otra persona" in browser.open("/recuperar", staff=lost.code).text
    assert lost_in.get("/").status == 200  # one alone does nothing
    waiting = another.get("/recuperar").text
    assert lost.code in waiting
    assert first.code in waiting
    granted = another.send("/recuperar", staff=lost.code)
    enrolment = granted.text.split('<strong class="code-word">')[1].split("<")[0]

    assert lost_in.get("/").leads_to == "/entrar?a=/"
    assert console.log_in(lost_in, lost).status == 401
    assert console.log_in(lost_in, lost, code=lost.recovery_codes[0]).status == 401
    again = enrol(lost_in, lost.code, lost.login, enrolment)
    assert again.secret != lost.secret
    assert [row["actor"] for row in console.acts("recovery_asked", "recovery_granted")[-2:]] == [
        f"staff:{first.code}",
        f"staff:{second.code}",
    ]


def test_what_was_asked_for_recovery_is_over_after_a_day(
    console: Console, enrolled: Enrolled, browser: Browser, another: Browser
) -> None:
    lost = enrolled(where=Browser(browser.running))
    enrolled("administrator", organisation=CENTRE)
    enrolled("administrator", organisation=CENTRE, where=another)
    browser.open("/recuperar", staff=lost.code)
    console.age("recovery", 25 * HOUR, "until")
    assert "Queda pedido" in another.open("/recuperar", staff=lost.code).text


@pytest.mark.parametrize("lost_how", ["organisation", "suspended", "role"])
def test_what_somebody_asked_for_who_may_not_any_more_is_not_granted(
    console: Console, enrolled: Enrolled, browser: Browser, another: Browser, lost_how: str
) -> None:
    lost = enrolled(where=Browser(browser.running))
    enrolled("administrator", organisation=CENTRE, where=another)
    granted = len(console.acts("recovery_granted"))
    console.say_roles("fuvadis", roles_of(CENTRE))
    try:
        asker = enrolled("administrator", organisation="fuvadis" if lost_how == "organisation" else CENTRE)
        eventually(lambda: browser.get("/recuperar").status == 200)
        assert "Queda pedido" in browser.open("/recuperar", staff=lost.code).text
        match lost_how:
            case "organisation":
                console.say_roles("fuvadis", roles_of("fuvadis"))
                eventually(lambda: browser.get("/recuperar").status == 404)
            case "suspended":
                with console.office() as office:
                    office.suspend(asker.code)
            case "role":
                console.query("update staff set roles = array['auditor'] where code = %s", asker.code)
        page = another.open("/recuperar", staff=lost.code).text
        assert "Queda pedido" in page  # by another: it is as if nobody had asked
        assert len(console.acts("recovery_granted")) == granted
    finally:
        console.say_roles("fuvadis", roles_of("fuvadis"))


def noted(name: str, call: Callable[..., Any], done: list[str]) -> Callable[..., Any]:
    """A function that says when it is called."""

    def called(*arguments: Any) -> Any:
        done.append(name)
        return call(*arguments)

    return called


def session_of(console: Console, person: Person) -> str:
    rows = console.query("select id from session where staff = %s and ended_at is null order by began_at", person.code)
    return str(rows[0]["id"])
