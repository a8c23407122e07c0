"""What the documents say of the code is made from it, and a document that does not say it is named."""

from pathlib import Path
from shutil import copy

import pytest

from deploy.local import generated
from deploy.local.state import ROOT


def test_every_document_says_what_the_code_does() -> None:
    assert sorted(map(str, generated.stale())) == [], "run ./ruta generate"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The referrals' README in a tree of its own."""
    readme = tmp_path / "services" / "referrals" / "README.md"
    readme.parent.mkdir(parents=True)
    copy(ROOT / "services" / "referrals" / "README.md", readme)
    assert generated.stale(tmp_path) == {}
    return readme


@pytest.mark.parametrize(
    ("right", "planted"),
    [
        ("| `referral.closed` | ", "| `referral.shut` | "),
        ("| recipient | `referral.offered` |\n", ""),
        ("| sent | 2 h |", "| sent | 3 h |"),
        ("| completed | 14 days |", "| completed | 15 days |"),
        ("| `not_a_party` | No referral", "| `not_a_party` | Some referral"),
    ],
)
def test_a_planted_mistake_is_found_and_mended(copied: Path, right: str, planted: str) -> None:
    text = copied.read_text()
    assert right in text
    copied.write_text(text.replace(right, planted))
    assert generated.stale(copied.parents[2]) == {copied: text}


def test_a_block_of_a_name_that_nobody_makes_is_no_silent_gap(copied: Path) -> None:
    copied.write_text(copied.read_text().replace("generated: publishes", "generated: whatever"))
    with pytest.raises(KeyError, match="whatever"):
        generated.stale(copied.parents[2])
