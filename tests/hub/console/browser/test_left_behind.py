"""What a browser keeps of the pages of people once somebody has gone: behind, in its storage, and on its disk."""

import contextlib
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pyotp
import pytest
from playwright.sync_api import Error, sync_playwright

from screens import cases, frozen
from screens.console import PARTNER, PASSWORD, ShownConsole, path_of
from screens.states.deciding import OPEN
from screens.visiting import Hand, chromium

TYPED: Final = "Marcano"
PLANTED: Final = (TYPED, "Yuliana", "3005550117")
NOTES: Final = ("Hexquilombia", "Ondrixia")
NOT_TAKEN: Final = ("Zibarquelia", "Vurnalotte", "Quembiraxo")
ADDRESSES: Final = ("vurnalotte@", "quembiraxo@")
OLD_TOKEN: Final = "document.querySelector('main [name=form_token]').value = '00'"
UNCHECKED: Final = "document.querySelector('main form').noValidate = true"  # as a browser sends it that checks nothing
STYLE: Final = b"color-scheme: light dark"  # which may be kept for good
GZIP: Final = b"\x1f\x8b\x08"
STORED: Final = "JSON.stringify([{...localStorage}, {...sessionStorage}])"


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """The folder in which a browser keeps all that it keeps."""
    return tmp_path / "profile"


@pytest.fixture
def hand(shown: ShownConsole, profile: Path) -> Iterator[Hand]:
    """A browser as people have it, which remembers."""
    shown.begin_anew()
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=chromium(), args=["--no-sandbox"], locale="es-CO"
        )
        try:
            yield Hand(context.pages[0], shown)
        finally:
            context.close()


def kept(profile: Path) -> Iterator[tuple[str, bytes]]:
    """Every file on the disk and what stands in it, what is compressed there unpacked behind it."""
    for file in profile.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            found = [content]
            at = content.find(GZIP)
            while at >= 0:
                found.append(_unpacked(content[at:]))
                at = content.find(GZIP, at + 1)
            yield str(file.relative_to(profile)), b"\n".join(found)


def _unpacked(content: bytes) -> bytes:
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(content)
    except zlib.error:  # it only began as if it were
        return b""


def are_in(content: bytes, words: tuple[str, ...]) -> set[str]:
    """Which words stand there, in the letters of files and in those that browsers have in memory."""
    return {word for word in words for coded in (word.encode(), word.encode("utf-16-le")) if coded in content}


def test_after_log_out_neither_back_nor_storage_nor_disk_has_a_name(hand: Hand, profile: Path) -> None:
    hand.come_in(PARTNER)
    hand.go(path_of(cases.LATE))
    hand.press(OPEN)
    assert are_in(hand.page.content().encode(), PLANTED[:2]) == {*PLANTED[:2]}
    hand.search(TYPED)
    assert TYPED in hand.page.content()
    hand.go("/")
    hand.press("form[action='/salir'] button")
    for _ in range(4):
        with contextlib.suppress(Error):  # what was the answer to a form is not shown again
            hand.page.go_back()
        assert are_in(hand.page.inner_text("body").encode(), PLANTED) == set()
    assert hand.page.evaluate(STORED) == "[{},{}]"
    hand.page.context.close()
    files = dict(kept(profile))
    assert any(STYLE in content for content in files.values()), "not even our style is found: the disk is not searched"
    for name, content in files.items():
        assert are_in(content, (*PLANTED, PARTNER.name)) == set(), name


def test_nor_has_the_disk_a_note_that_was_left_or_not_taken(hand: Hand, profile: Path) -> None:
    hand.come_in(PARTNER)
    form = f"{path_of(cases.LATE)}/hacer/info_requested"
    hand.go(form)
    hand.page.fill("main textarea", NOTES[0])
    hand.go("/")
    hand.go(form)
    hand.page.fill("main textarea", NOTES[1])
    hand.page.evaluate(UNCHECKED)
    hand.press("main form button")
    assert hand.page.locator(".wrong-word").count()
    assert NOTES[1] in hand.page.content()
    hand.page.reload()
    assert NOTES[1] in hand.page.content()
    hand.go("/")
    hand.press("form[action='/salir'] button")
    hand.page.context.close()
    for name, content in kept(profile):
        assert are_in(content, NOTES) == set(), name


def test_nor_has_the_disk_what_was_typed_into_any_other_form(hand: Hand, profile: Path) -> None:
    hand.go("/alta")
    hand.send(code=NOT_TAKEN[0])
    assert hand.page.locator(".bad").count()
    hand.come_in(PARTNER)
    hand.go("/referencias/vistas")
    hand.send(nombre=f"{NOT_TAKEN[1]} {'x' * 40}")
    assert NOT_TAKEN[1] in hand.page.content()
    hand.go("/referencias/vistas")
    hand.page.evaluate(OLD_TOKEN)
    hand.send(nombre=NOT_TAKEN[2])
    assert "form_expired" in hand.page.content()
    hand.go("/")
    hand.press("form[action='/salir'] button")
    hand.page.context.close()
    for name, content in kept(profile):
        assert are_in(content, NOT_TAKEN) == set(), name


def test_nor_has_the_disk_an_address_that_was_typed_for_notices(hand: Hand, profile: Path) -> None:
    """Of what keys have typed, and only of that, Chromium keeps a list to offer."""
    hand.console.forget_notices()
    hand.go("/entrar")
    hand.page.locator("main [name=login]").press_sequentially(PARTNER.login)
    hand.send(password=PASSWORD, code=pyotp.TOTP(frozen.SECRET).now())
    for address in ADDRESSES:
        hand.go("/avisos")
        hand.choose(avisos="digest")
        hand.page.locator("main [name=correo]").press_sequentially(f"{address}cruzroja.org")
        hand.press("main form:has([name=correo]) button")
        assert f"{address[0]}…@cruzroja.org" in hand.page.inner_text("main")
    hand.press("form[action='/salir'] button")
    hand.page.context.close()
    files = dict(kept(profile))
    assert are_in(files["Default/Web Data"], (PARTNER.login,)), "not even a login is found: nothing was kept"
    for name, content in files.items():
        assert are_in(content, ADDRESSES) == set(), name
