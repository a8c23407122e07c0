"""What pages say, in Spanish as the code has it and in English by the catalogue (words/en.po), read when it starts."""

import io
from collections.abc import Iterator
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from hub.gateway.http.problems import Language

HERE: Final = Path(__file__).parent
CATALOGUE: Final = HERE / "words" / "en.po"
SAYING: Final = (HERE, HERE.parents[1] / "monitor" / "web")  # the folders of who says anything
METHODS: Final = [("**.py", "python"), ("**.html", "jinja2.ext:babel_extract")]
KEYWORDS: Final[dict[str, tuple[int, ...] | None]] = {"_": None, "gettext": None, "ngettext": (1, 2), "N_": None}


def N_(text: str) -> str:  # noqa: N802 - what gettext calls it: a text that is translated where it is shown
    """Mark a text for the catalogue."""
    return text


@cache
def translations(language: Language) -> NullTranslations:
    """What translates into a language; Spanish is what stands in the code."""
    if language == "es":
        return NullTranslations()
    out = io.BytesIO()
    write_mo(out, read())
    out.seek(0)
    return GNUTranslations(out)


def read(file: Path = CATALOGUE) -> Catalog:
    """Read a catalogue."""
    with file.open("rb") as opened:
        return read_po(opened, locale="en")


def said(*folders: Path) -> Iterator[tuple[str, ...]]:
    """Every text of the code and the templates below these folders, or all: one, or singular and plural."""
    options = {"**.html": {"silent": "false"}}
    for folder in folders or SAYING:
        for _, _, text, _, _ in extract_from_dir(folder, METHODS, options, KEYWORDS, strip_comment_tags=True):
            yield text if isinstance(text, tuple) else (text,)


def wrong(catalogue: Catalog, texts: Iterator[tuple[str, ...]]) -> list[str]:
    """What a catalogue lacks, or has and nobody says; and translations that name something else in braces."""
    wanted = {one[0]: one for one in texts}
    found = []
    for id in sorted(wanted):
        message = catalogue.get(id)
        translated = (
            () if message is None else message.string if isinstance(message.string, tuple) else (message.string,)
        )
        if not translated or not all(translated) or (message is not None and message.fuzzy):
            found.append(f"not translated: {id}")
        elif message is not None and list(message.check(catalogue)):
            found.append(f"names something else: {id}")
    known = {one.id[0] if isinstance(one.id, tuple) else one.id for one in catalogue if one.id}
    return found + [f"nobody says: {id}" for id in sorted(known - wanted.keys())]
