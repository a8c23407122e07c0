"""Who waits for what was given up: the one rule."""

from hub.monitor import waiting


def test_whoever_has_said_it_waits_but_for_what_was_refused_when_it_came() -> None:
    assert waiting.whose([("failed", "redcross"), ("no_handler", "iom"), ("failed", "redcross")]) == ("iom", "redcross")
    assert waiting.whose([("id_reused", "fuvadis"), ("erased", "iom")]) == ()


def test_what_the_hub_says_for_itself_and_what_names_nobody_keeps_nobody_waiting() -> None:
    assert waiting.whose([("failed", "hub"), ("unreadable", None), ("failed", "Ana Pérez")]) == ()
