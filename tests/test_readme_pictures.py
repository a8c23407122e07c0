"""The pictures that README shows are there, each with words for who does not see it, and small."""

import re

from deploy.local.state import ROOT
from screens.states import STATES
from screens.visiting import LANGUAGES, WIDTHS

LARGEST = 60 * 1024  # bytes
SHOWN = re.findall(r'<img src="([^"]+)" width="\d+" alt="([^"]+)">', (ROOT / "README.md").read_text(encoding="utf-8"))


def test_pictures_are_there_small_and_said_in_words() -> None:
    assert {one.name for one in (ROOT / "docs" / "pictures").iterdir()} == {path.split("/")[-1] for path, _ in SHOWN}
    for path, words in SHOWN:
        picture = (ROOT / path).read_bytes()
        assert picture.startswith(b"\x89PNG"), path
        assert len(picture) <= LARGEST, path
        assert len(words.split()) > 5, path


def test_each_is_of_a_state_that_is_still_made() -> None:
    made = {f"{one.name}-{language}-{width}" for one in STATES for language in LANGUAGES for width in WIDTHS}
    assert {path.removeprefix("docs/pictures/").removesuffix(".png") for path, _ in SHOWN} <= made
