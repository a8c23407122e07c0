"""The code that people say by telephone: what was misheard is noticed, what was typed otherwise is read."""

import random
import re
from collections import Counter
from itertools import combinations
from uuid import UUID

import pytest

from contracts import short_codes
from contracts.consent import ConsentReceiptIssued
from contracts.short_codes import LETTERS, read_short_code, short_code

IDS = [UUID(int=0x01950000_0000_7000_8000_000000000000 + 0x9E3779B97F4A7 * each) for each in range(300)]
SHOWN = re.compile(rf"[{LETTERS}]{{4}}-[{LETTERS}]{{4}}")


def test_a_code_is_what_it_was_when_it_was_first_said() -> None:
    """It stands on paper and in notes: it may never become another."""
    assert short_code(UUID("019a0000-0000-7000-8000-000000000001")) == "0000-0012"
    assert short_code(UUID("019a2f6e-5b1c-7d3a-9e4f-3c8a91b5d7e2")) == "A8VB-NZ2H"


def test_it_is_eight_characters_of_those_on_a_receipt_in_two_groups() -> None:
    assert all(SHOWN.fullmatch(short_code(one)) for one in IDS)
    receipt = str(ConsentReceiptIssued.model_fields["receipt_code"].metadata)
    assert f"[{'0-9A-HJKMNP-TV-Z'}]" in receipt
    assert re.sub("[0-9A-HJKMNP-TV-Z]", "", LETTERS) == ""


@pytest.mark.parametrize("referral_id", IDS[:20])
def test_it_is_read_however_it_is_typed(referral_id: UUID) -> None:
    shown = short_code(referral_id)
    bare = shown.replace("-", "")
    typed = [
        shown,
        bare,
        shown.lower(),
        f"  {bare[:2]} {bare[2:4]} \u2013 {bare[4:]}\n",
        " ".join(bare),
        bare.replace("0", "O").replace("1", "I"),
        bare.replace("0", "o").replace("1", "l"),
        bare.replace("1", "i"),
    ]
    assert {read_short_code(one) for one in typed} == {shown}


@pytest.mark.parametrize(
    "said",
    [
        "",
        "-",
        "7K3M-9QX",
        "7K3M-9QXTT",
        "U" * 8,
        "7K3M-9QX*",
        "\uff17\uff2b\uff13\uff2d\uff19\uff31\uff38\uff34",
        "\u0131" * 8,
        "\0" * 8,
        "0" * 65,
        str(IDS[0]),
    ],
)
def test_what_is_no_code_is_none(said: str) -> None:
    assert read_short_code(said) is None


@pytest.mark.parametrize("referral_id", IDS[:20])
def test_whatever_single_character_was_misheard_it_is_no_code(referral_id: UUID) -> None:
    shown = short_code(referral_id)
    for place, was in enumerate(shown):
        for other in LETTERS if was != "-" else ():
            changed = shown[:place] + other + shown[place + 1 :]
            assert read_short_code(changed) == (shown if other == was else None)


@pytest.mark.parametrize("referral_id", IDS[:20])
def test_whichever_two_characters_have_changed_places_it_is_no_code(referral_id: UUID) -> None:
    letters = short_code(referral_id).replace("-", "")
    for one, other in combinations(range(8), 2):
        swapped = list(letters)
        swapped[one], swapped[other] = swapped[other], swapped[one]
        if letters[one] != letters[other]:
            assert read_short_code("".join(swapped)) is None


def test_a_check_that_only_sums_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted fault: with it, two that changed places would pass."""
    monkeypatch.setattr(short_codes, "_check", lambda values: sum(values) % 32)
    letters = short_code(UUID(int=1 << 5 | 2)).replace("-", "")
    assert read_short_code(letters[:5] + letters[6] + letters[5] + letters[7]) is not None


def test_codes_of_one_moment_are_as_different_as_chance_has_it() -> None:
    """The bits of the time are in none of them: within one millisecond each character is any of the 32."""
    chance = random.Random(3)  # noqa: S311
    moment = 0x019A2F6E5B1C << 80 | 0x7 << 76 | 0xABC << 64 | 0b10 << 62
    codes = [short_code(UUID(int=moment | chance.getrandbits(62))).replace("-", "") for _ in range(10_000)]
    assert len(set(codes)) == len(codes)
    for place in range(8):
        often = Counter(code[place] for code in codes)
        assert len(often) == 32
        assert max(often.values()) < 2 * min(often.values())


def test_the_odds_are_those_that_are_written() -> None:
    pairs_of_a_day = 10_000**2 / 2 / 2**35
    assert 600 < 1 / pairs_of_a_day < 800  # days
    assert 14 < 1_000_000**2 / 2 / 2**35 < 15
    assert 34_000 < 2**35 / 1_000_000 < 34_500
