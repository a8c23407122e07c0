"""What every page has and every request passes: headers to the letter, languages, errors, forms, files."""

import gzip
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import psycopg
import pytest
from babel.messages.catalog import Catalog

from deploy.local import Stack
from hub.console.web import pages, shell, words
from hub.console.web.errors import WORDS
from hub.console.web.visit import Visit
from tests.hub.console.kit import CENTRE, FORM, TOKEN, Answer, Browser, Console, Person

Enrolled = Callable[..., Person]

SECURITY = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "same-origin",
    "strict-transport-security": "max-age=31536000",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
ID = re.compile(r"[0-9a-f]{32}")


class Reader(HTMLParser):
    """What of a page has to be so on every page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._inside = ""
        self.title = ""
        self.inline: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag
        self.inline += [name for name, _ in attrs if name == "style" or name.startswith("on")]

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "title":
            self.title += data
        if self._inside in ("script", "style") and data.strip():
            self.inline.append(self._inside)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def all_pages(console: Console) -> dict[str, Answer]:
    """Every page that there is so far, as somebody sees it who may see them all."""
    running = console.run()
    browser, stranger = Browser(running), Browser(running)
    found = {"login": stranger.get("/entrar"), "enrolment_code": stranger.get("/alta")}
    _, enrolment = console.invite("all.pages.invited")
    stranger.open("/alta", code=enrolment)
    found["enrolment"] = stranger.get("/alta/datos")
    console.enrol(browser, "all.pages", "administrator", organisation=CENTRE)
    assert browser.page is not None
    found["enrolled"] = browser.page
    found |= {"home": browser.get("/"), "recovery": browser.get("/recuperar"), "not_found": browser.get("/nada")}
    browser.get("/")
    browser.send("/bloquear")
    found["unlock"] = browser.get("/abrir")
    return found


def test_every_page_says_the_question_in_one_heading_under_a_title_of_its_own(all_pages: dict[str, Answer]) -> None:
    titles = []
    for name, page in all_pages.items():
        read = Reader(page.text)
        assert len(read.of("h1")) == 1, name
        assert read.of("html") == [{"lang": "es"}], name
        assert read.of("a")[0] == {"class": "skip", "href": "#content"}, name
        assert read.of("main")[0]["id"] == "content", name
        assert "width=device-width" in str(read.of("meta")), name
        titles.append(read.title)
    assert len(set(titles)) == len(titles)
    assert all(title.endswith(" · Ruta") for title in titles)


def test_nothing_is_inline_and_every_field_has_a_label(all_pages: dict[str, Answer]) -> None:
    for name, page in all_pages.items():
        read = Reader(page.text)
        assert read.inline == [], name
        labels = {one.get("for") for one in read.of("label")}
        for field in read.of("input"):
            if field["type"] not in ("hidden", "radio"):  # a radio stands in its label
                assert field["id"] in labels, f"{name}: {field}"
        assert all(one.get("alt") for one in read.of("img")), name
        ids = [one["id"] for _, one in read.tags if "id" in one]
        assert len(set(ids)) == len(ids), name


def test_a_planted_inline_style_is_found() -> None:
    assert Reader('<p style="color: red">').inline == ["style"]
    assert Reader("<script>alert(1)</script>").inline == ["script"]
    assert Reader('<a onclick="x()">').inline == ["onclick"]


def test_every_form_carries_its_token(all_pages: dict[str, Answer]) -> None:
    for name, page in all_pages.items():
        posts = [one for one in Reader(page.text).of("form") if one.get("method") == "post"]
        assert len(TOKEN.findall(page.text)) == len(posts), name


def test_the_first_visit_of_every_page_is_small(all_pages: dict[str, Answer]) -> None:
    files = sum(len(gzip.compress(one.read_bytes())) for one in pages.STATIC.iterdir())
    for name, page in all_pages.items():
        assert len(gzip.compress(page.body)) + files < 60 * 1024, name
    assert (pages.STATIC / "console.css").stat().st_size <= 10 * 1024


def test_pages_and_files_are_compressed_for_whoever_takes_it_so(browser: Browser) -> None:
    style = pages.static("console.css")
    for path in ("/entrar", style):
        plain = browser.get(path)
        sent = browser.get(path, accept_encoding="gzip, deflate")
        assert (plain.header("content-encoding"), sent.header("content-encoding")) == (None, "gzip")
        assert plain.header("vary") == sent.header("vary") == "Accept-Encoding"
        assert int(sent.header("content-length") or 0) == len(sent.body) < len(plain.body)
        assert len(gzip.decompress(sent.body)) == len(plain.body)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_another_site_has_asked_for_is_not_compressed(browser: Browser, site: str) -> None:
    asked = browser.get("/entrar", accept_encoding="gzip", sec_fetch_site=site)
    assert (asked.status, asked.header("content-encoding")) == (200, None)


def test_headers_are_these_to_the_letter(all_pages: dict[str, Answer]) -> None:
    for name, page in all_pages.items():
        said = dict(page.headers)
        assert {one: said[one] for one in SECURITY} == SECURITY, name
        assert said["cache-control"] == "no-store", name
        assert ID.fullmatch(said["x-request-id"]), name
        assert said["content-type"] == "text/html; charset=utf-8", name


def test_without_tls_on_this_machine_no_browser_is_told_to_use_it_and_cookies_carry_the_port(console: Console) -> None:
    browser = Browser(console.run(is_encrypted=False, port=20345))
    assert browser.get("/entrar").header("strict-transport-security") is None
    assert [*browser.cookies] == ["ruta-20345"]
    assert "Secure" not in browser.set_cookies[0]


# -- languages ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accepted", "heading"),
    [("", "¿Quién es usted?"), ("en-GB,es;q=0.5", "Who are you?"), ("de", "¿Quién es usted?"), ("es,en", "¿Quién es")],
)
def test_the_browser_says_which_language_and_spanish_is_first(browser: Browser, accepted: str, heading: str) -> None:
    browser.language = accepted
    assert heading in browser.get("/entrar").text


def test_the_language_is_chosen_by_a_link_and_stays(browser: Browser) -> None:
    page = browser.get("/entrar")
    link = next(one for one in Reader(page.text).of("a") if one.get("hreflang") == "en")
    assert browser.get(str(link["href"])).leads_to == "/entrar"
    assert Reader(browser.get("/entrar").text).of("html") == [{"lang": "en"}]
    browser.language = "es"
    assert "Who are you?" in browser.get("/entrar").text
    assert browser.get("/idioma/de").status == 404


def test_everything_that_is_said_has_words_in_english() -> None:
    assert words.wrong(words.read(), words.said()) == []


@pytest.mark.parametrize(
    ("plant", "found"),
    [
        ("{{ _('Una cosa nueva') }}", "not translated: Una cosa nueva"),
        ("{{ ngettext('%(num)d sola', '%(num)d varias', 2) }}", "not translated: %(num)d sola"),
    ],
)
def test_a_planted_text_without_a_translation_is_found(tmp_path: Path, plant: str, found: str) -> None:
    (tmp_path / "planted.html").write_text(plant)
    assert words.wrong(Catalog(locale="en"), words.said(tmp_path)) == [found]


def test_a_translation_that_names_something_else_is_found(tmp_path: Path) -> None:
    (tmp_path / "planted.html").write_text("{{ _('Hola, %(name)s', name='x') }}")
    catalogue = Catalog(locale="en")
    catalogue.add("Hola, %(name)s", "Hello, %(nome)s", flags=["python-format"])
    catalogue.add("Nadie lo dice", "Nobody says it")
    assert words.wrong(catalogue, words.said(tmp_path)) == [
        "names something else: Hola, %(name)s",
        "nobody says: Nadie lo dice",
    ]


def test_every_error_has_a_page_in_both_languages() -> None:
    for code in WORDS:
        spanish, english = (shell.error_page(code, language, "1" * 32).body for language in ("es", "en"))
        assert code.encode() in bytes(spanish)
        assert bytes(spanish) != bytes(english)


# -- errors ------------------------------------------------------------------------------------------------------------


def same(answer: Answer) -> tuple[int, list[tuple[str, str]], str]:
    """An answer without its id."""
    headers = [(name, ID.sub("<id>", value)) for name, value in answer.headers]
    return answer.status, headers, ID.sub("<id>", answer.text)


def test_a_page_says_its_code_and_the_number_that_stands_in_the_log(
    enrolled: Enrolled, browser: Browser, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    enrolled()
    monkeypatch.setattr(Visit, "page", lambda *_, **__: 1 / 0)
    answer = browser.get("/")
    assert answer.status == 500
    assert "internal" in answer.text
    assert str(answer.header("x-request-id")) in answer.text
    assert [one.getMessage() for one in caplog.records if one.levelname == "ERROR"] == ["a request failed"]


def test_what_is_not_for_somebody_is_answered_as_what_does_not_exist(
    console: Console, enrolled: Enrolled, browser: Browser
) -> None:
    person = enrolled("partner_staff")
    before = len(console.acts("access_refused"))
    there, nowhere = browser.get("/recuperar"), browser.get("/no/hay/nada")
    assert there.status == 404
    assert same(there) == same(nowhere)
    rows = console.acts("access_refused")[before:]
    assert [row["actor"] for row in rows] == [f"staff:{person.code}"] * 2
    assert "/no/hay/nada" not in rows[1]["details"]


def test_whoever_has_not_come_in_learns_not_even_what_there_is(browser: Browser) -> None:
    assert browser.get("/recuperar").leads_to == "/entrar?a=/recuperar"
    assert browser.get("/nada").leads_to == "/entrar?a=/nada"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
def test_other_methods_do_nothing(enrolled: Enrolled, browser: Browser, method: str) -> None:
    enrolled()
    assert browser._ask(method, "/", {}).status == 405
    assert browser.get("/salir").status == 405


def test_without_the_database_a_page_says_so_and_nothing_is_done(console: Console) -> None:
    browser = Browser(console.run(database_url="postgresql://nobody@127.0.0.1:1/none"))
    answer = browser.get("/entrar")
    assert (answer.status, "database_away" in answer.text) == (503, True)


# -- forms -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def posting(console: Console, enrolled: Enrolled, browser: Browser) -> Callable[..., Answer]:
    """Posts what locks the session: whether it was done shows at once."""
    enrolled()
    token = TOKEN.search(browser.get("/").text)
    assert token is not None

    def post(fields: dict[str, str] | None = None, **headers: str) -> Answer:
        answer = browser.post("/bloquear", {"form_token": token[1]} if fields is None else fields, **headers)
        assert (browser.get("/").status == 200) == (answer.status != 303)
        return answer

    return post


def test_a_form_of_ours_is_taken(posting: Callable[..., Answer]) -> None:
    assert posting(origin="https://console.test", sec_fetch_site="same-origin").leads_to == "/abrir"


def test_a_form_of_an_old_browser_that_says_nothing_of_its_origin_is_taken(posting: Callable[..., Answer]) -> None:
    assert posting().leads_to == "/abrir"


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "https://console.test:444"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "none"},
        {"sec_fetch_site": "cross-site", "origin": "https://console.test"},
    ],
)
def test_a_form_of_another_site_is_refused(posting: Callable[..., Answer], headers: dict[str, str]) -> None:
    answer = posting(**headers)
    assert (answer.status, "wrong_origin" in answer.text) == (403, True)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"form_token": ""},
        {"form_token": "0" * 128},
        {"form_token": "0" * 64},
        {"form_token": "0" * 32},
        {"form_token": "0 "},
        {"form_token": "ñ"},
    ],
)
def test_a_form_without_its_token_is_refused(posting: Callable[..., Answer], fields: dict[str, str]) -> None:
    answer = posting(fields)
    assert (answer.status, "form_expired" in answer.text) == (403, True)


def test_the_token_is_another_one_in_each_page_and_all_of_them_are_taken(browser: Browser) -> None:
    tokens = [TOKEN.findall(browser.get("/entrar").text)[0] for _ in range(3)]
    assert len({one[:32] for one in tokens}) == len({one[32:] for one in tokens}) == 3
    for token in tokens:
        assert browser.post("/entrar", {"form_token": token}).status == 401  # wrong, and taken


def test_a_token_with_a_part_changed_is_refused(browser: Browser) -> None:
    token = TOKEN.findall(browser.get("/entrar").text)[0]
    for changed in (token[:-1] + "01"[token[-1] == "0"], "01"[token[0] == "0"] + token[1:], token + "00", token[2:]):
        assert browser.post("/entrar", {"form_token": changed}).status == 403


def test_a_token_of_another_browser_is_refused(posting: Callable[..., Answer], another: Browser) -> None:
    token = TOKEN.search(another.get("/entrar").text)
    assert token is not None
    assert posting({"form_token": token[1]}).status == 403


def raw(browser: Browser, body: bytes, content_type: str = FORM) -> Answer:
    return browser.see(browser._ask("POST", "/entrar", {"content-type": content_type}, body))


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"a=%00", FORM, 400),
        (b"a=%ff", FORM, 400),
        (b"a=\xc3\xb1", FORM, 400),
        (b"no sign", FORM, 400),
        (b"&".join(b"a=1" for _ in range(400)), FORM, 400),
        (b"a=" + b"x" * 70_000, FORM, 413),
        (b'{"a": 1}', "application/json", 400),
        (b"", "", 400),
        (b"", FORM, 403),
        (b"a=%f0%9f%98%80", FORM, 403),
    ],
)
def test_what_is_no_form_is_refused(browser: Browser, body: bytes, content_type: str, status: int) -> None:
    assert raw(browser, body, content_type).status == status


def test_who_comes_while_very_many_try_to_come_in_is_told_to_wait(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser.get("/entrar")
    monkeypatch.setattr(shell, "HASHES_WAIT", 0)
    answer = browser.send("/entrar", login="a", password="b", code="c")
    assert (answer.status, "busy" in answer.text) == (503, True)
    assert browser.get("/entrar").status == 200


# -- files -------------------------------------------------------------------------------------------------------------


def test_a_file_is_kept_for_good_and_another_content_has_another_address(browser: Browser) -> None:
    answer = browser.get(pages.static("console.css"))
    assert answer.header("content-type") == "text/css; charset=utf-8"
    assert answer.header("cache-control") == "public, max-age=31536000, immutable"
    assert answer.header("set-cookie") is None
    assert browser.get("/static/000000000000/console.css").status == 404
    assert browser.get("/static/000000000000/..%2fapp.py").status == 404


def test_the_styles_say_what_the_devices_need() -> None:
    css = (pages.STATIC / "console.css").read_text()
    for said in (
        "prefers-color-scheme: dark",
        "@media print",
        "min-height: 44px",
        "max-width: 640px",
        ":focus-visible",
    ):
        assert said in css
    assert "http" not in css
    assert "@import" not in css


def test_the_console_comes_to_no_other_database(console: Console, stack: Stack) -> None:
    stack.create_database("neighbour")
    try:
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            psycopg.connect(console.url, dbname="neighbour").close()
    finally:
        stack.drop_database("neighbour")
