"""What is asked: which of our columns a heading of a table, or a field of a submission, stands for."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from tools.attendance import form
from tools.attendance.rows import COLUMNS, COLUMNS_AT_MOST, DETAILS, SEVERAL, Row, Unreadable, UnusableFileError
from tools.attendance.spelling import folded, plain

HEADINGS: Final = {
    **{plain(label): name for label, name in form.labels().items() if name in COLUMNS},
    **{plain(heading): name for name, also in COLUMNS.items() for heading in (name, *also)},
}

# Names that stand in several columns, and in which order they are said.
PARTS: Final[dict[str, tuple[str, int]]] = {
    **dict.fromkeys(("primer nombre", "1er nombre", "nombre 1"), ("nombres", 1)),
    **dict.fromkeys(("segundo nombre", "2do nombre", "nombre 2"), ("nombres", 2)),
    **dict.fromkeys(("tercer nombre", "otros nombres", "nombre 3"), ("nombres", 3)),
    **dict.fromkeys(("primer apellido", "1er apellido", "apellido 1", "apellido paterno"), ("apellidos", 1)),
    **dict.fromkeys(("segundo apellido", "2do apellido", "apellido 2", "apellido materno"), ("apellidos", 2)),
}

TODAY: Final = "today"  # the day on the device: what there is where the form does not ask for one
NOTHING: Final = {"", "-", "--", "—", "n/a", "na", "null", "none"}
NOTHING_OF_A_TOOL: Final = {"nan", "NaN", "NaT", "<NA>"}  # as it is written: somebody may be called Nan
# People say it in words, in columns that are not choices of a list; nobody's surname is `No tiene`.
NOTHING_IN_WORDS: Final = {
    "n a", "no aplica", "no registra", "no sabe", "no tiene", "ninguno", "ninguna", "sin dato", "sin datos",
}  # fmt: skip
_IN_WORDS: Final = {"nombres", "apellidos", "numero_documento", "fecha_nacimiento", "edad", "telefono", "direccion"}
YES: Final = {"1", "true", "verdadero", "si", "s", "x", "yes", "1 0"}
NO: Final = {"0", "false", "falso", "no", "n", "0 0"}
UNREAD_AT_MOST: Final = 1000  # names of columns that are kept; nobody reads more
LONGEST_HEADING: Final = 60  # characters that are shown of one

# What Kobo and the device say of a submission. Nobody answers it, and it is not missed.
# Only what is known to be theirs: Kobo calls the question "¿Nombres?" `_Nombres`.
_OF_KOBO: Final = re.compile(
    r"_(?:id|uuid|root_uuid|index|parent_index|parent_table_name|status|version_*|notes|tags|attachments|geolocation"
    r"|bamboo_dataset_id|xform_id_string|userform_id|validation_status|submission_time|submitted_by|supplementalDetails"
    r"|media_all_deleted|date_modified|deleted_at|edited|duration|last_edited|total_media|media_count)"
    r"|_?_version_?_.*|_submission_.*|_.*_(?:latitude|longitude|altitude|precision)|(?:.*/)?(?:meta|formhub)/.*"
)
_OF_THE_DEVICE: Final = {"start", "end", "deviceid", "username", "simserial", "subscriberid", "phonenumber", "audit"}
_LIKE_A_VALUE: Final = re.compile(r"@|(?:[0-9][^0-9]*){5}")  # an address or a number; no heading has one

# What a heading may say without being about one of our columns.
_COMMON_WORDS: Final = {
    "1", "2", "3", "1er", "2do", "clase", "como", "completo", "completos", "datos", "dia", "f", "fecha", "jornada",
    "no", "nro", "num", "numero", "organizacion", "otros", "paso", "primer", "que", "quien", "recibidos", "segundo",
    "si", "tercer", "tipo", "tratamiento", "anos",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """What a heading asks for: a column; or a part of the name in it, or whether one choice of it was made."""

    column: str
    part: int = 0
    choice: str | None = None
    group: tuple[str, ...] = ()  # of the form that it stands in


@dataclass(slots=True)
class Seen:
    """What a reader has found besides rows."""

    unread: dict[str, bool] = field(default_factory=dict)  # columns with something in them: may it be ours
    page: str | None = None  # why the file is not the whole list
    headings_at: int = 0  # the line

    def not_read(self, heading: str, *, place: int | None = None, ours: bool | None = None) -> None:
        """Take down a column that has something in it and is not read."""
        if len(self.unread) < UNREAD_AT_MOST:
            self.unread.setdefault(shown(heading, place), may_be_ours(heading) if ours is None else ours)


class ContradictoryError(Exception):
    """Two answers to one question, or a choice of which nobody can tell whether it was made."""

    def __init__(self, column: str) -> None:
        super().__init__("several_answers")
        self.column = column


@lru_cache(maxsize=10_000)
def asked(heading: str) -> Asked | None:
    """Return what a heading asks for; None where it is not one of ours.

    It may be the path of a question in Kobo (`datos/nombres`), whose last part counts, and it may be one of several
    choices (`servicios/health.consultation`).
    """
    found = _asked(heading)
    if "/" not in heading or (
        found is not None and not found.part
    ):  # `Dirección/barrio`, but `otros/nombres` is a path
        return found
    *groups, last = heading.split("/")
    several = HEADINGS.get(plain(groups[-1]))
    if several in SEVERAL:
        choice = form.words(SEVERAL[several]).get(plain(last))
        if choice is not None:
            return Asked(several, choice=choice, group=tuple(groups[:-1]))
    found = _asked(last)
    return None if found is None else Asked(found.column, found.part, group=tuple(groups))


def _asked(heading: str) -> Asked | None:
    if heading == TODAY:
        return Asked(TODAY)
    if plain(heading) in PARTS:
        return Asked(*PARTS[plain(heading)])
    column = HEADINGS.get(plain(heading))
    return None if column is None else Asked(column)


def is_nobodys(heading: str) -> bool:
    """Whether a field is what Kobo or the device says, and no answer."""
    return bool(_OF_KOBO.fullmatch(heading)) or heading in _OF_THE_DEVICE


def may_be_ours(heading: str) -> bool:
    """Whether a heading that we do not know speaks of what we do know."""
    return not _OUR_WORDS.isdisjoint(plain(heading).split())


_OUR_WORDS: Final = {word for heading in (*HEADINGS, *PARTS) for word in heading.split()} - _COMMON_WORDS


def shown(heading: str, place: int | None = None) -> str:
    """Return a heading as it is told; its place where it is empty, or looks like somebody's data."""
    text = "".join(sign if sign.isprintable() else " " for sign in heading[: 2 * LONGEST_HEADING])
    text = " ".join(text.split())
    if not text or _LIKE_A_VALUE.search(text):
        return "a field" if place is None else f"column {place + 1}"
    return text if len(text) <= LONGEST_HEADING else f"{text[:LONGEST_HEADING]}…"


def is_anothers(one: Asked, named: tuple[str, ...]) -> bool:
    """Whether a detail stands in a group of the form that is not of the person whose name stands in the group `named`.

    `evaluador/telefono` is not the telephone of who is asked. A person's details stand in the group of their name, in
    one around it, or in one within it.
    """
    if one.column not in DETAILS or one.column == "nombres":
        return False
    within = bool(named) and one.group[: len(named)] == named
    return not within and one.group != named[: len(one.group)]


def is_nothing(text: str, column: str) -> bool:
    """Whether a cell is empty, or is there to say that there is nothing."""
    if column in _IN_WORDS and folded(text) in NOTHING_IN_WORDS:
        return True
    low = text.strip().lower()
    if column == "consentimiento" and text.strip():  # `N/A` is no yes, whatever is said of the whole list
        return text.strip() in NOTHING_OF_A_TOOL
    return (low in NOTHING or text.strip() in NOTHING_OF_A_TOOL) and not (column == "tipo_documento" and low == "none")


def combine(given: Iterable[tuple[Asked, str]]) -> dict[str, str]:
    """Put together what was answered, by column; raise ContradictoryError."""
    whole: dict[str, str] = {}
    parts: dict[str, dict[int, str]] = {}
    choices: dict[str, dict[str, str]] = {}
    for one, text in given:
        if is_nothing(text, one.column):
            continue
        into = (
            parts.setdefault(one.column, {})
            if one.part
            else choices.setdefault(one.column, {})
            if one.choice is not None
            else whole
        )
        key = one.part or one.choice or one.column
        if key in into:
            raise ContradictoryError(one.column)
        into[key] = text.strip()  # type: ignore[index]
    for column, of_it in parts.items():
        if column in whole and 1 in of_it:
            raise ContradictoryError(column)
        first = {0: whole[column]} if column in whole else {}
        whole[column] = " ".join(text for _, text in sorted((first | of_it).items()))
    for column, made in choices.items():
        chosen = _chosen(column, made)
        if column in whole and not _is_said(whole[column], column, chosen):
            raise ContradictoryError(column)
        whole |= {column: ",".join(chosen)} if chosen else {}
    if TODAY in whole:
        whole.setdefault("fecha_atencion", whole.pop(TODAY))
        whole.pop(TODAY, None)
    return whole


def _chosen(column: str, made: dict[str, str]) -> list[str]:
    said = {choice: plain(text) for choice, text in made.items()}
    if not {*said.values()} <= YES | NO:
        raise ContradictoryError(column)
    return [choice for choice, text in said.items() if text in YES]


def _is_said(text: str, column: str, chosen: list[str]) -> bool:
    """Whether a cell says the choices that were made, by their codes or as people read them."""
    labels = form.choices(SEVERAL[column])
    words = sorted(plain(text).split())
    return any(
        words == sorted(word for one in said for word in plain(one).split())
        for said in (chosen, [labels[code] for code in chosen])
    )


@dataclass(frozen=True, slots=True)
class Headings:
    """Which place in a row is which column."""

    places: list[tuple[int, Asked]]
    unread: dict[int, str]  # headings that we do not read, until something has been found below them
    width: int
    of_kobo: dict[str, int]  # `_index` and the like, by which its tables are joined

    @classmethod
    def read(cls, cells: list[str]) -> "Headings":
        """Read the first row of a table; raise UnusableFileError when it lacks a column we need, or has one twice."""
        headings = cls.of(cells)
        if not headings.has_names and "_index" in headings.of_kobo:
            raise UnusableFileError(
                "The people are not in this file of Kobo's: a CSV leaves out repeats. Export it as XLSX, or as JSON."
            )
        if not headings.has_names:
            raise UnusableFileError("No column is called nombres: the first row has to name the columns.")
        return headings

    @classmethod
    def of(cls, cells: list[str]) -> "Headings":
        """The same for a table that need not have names."""
        if len(cells) > COLUMNS_AT_MOST:
            raise UnusableFileError(f"The list has more than {COLUMNS_AT_MOST:,} columns.")
        found = {place: one for place, cell in enumerate(cells) if (one := asked(cell.strip())) is not None}
        named = next((one.group for one in found.values() if one.column == "nombres"), ())
        places = [(place, one) for place, one in found.items() if not is_anothers(one, named)]
        _check_once([one for _, one in places])
        ours = {place for place, _ in places}
        of_kobo = {cell.strip(): place for place, cell in enumerate(cells) if is_nobodys(cell.strip())}
        known = ours | {*of_kobo.values()}
        unread = {
            place: cell for place, cell in enumerate(cells) if place not in known and not is_nobodys(cell.strip())
        }
        return cls(places, unread, len(cells), of_kobo)

    @property
    def has_names(self) -> bool:
        """Whether it is a table of people."""
        return any(one.column == "nombres" for _, one in self.places)

    def row(self, line: int, cells: list[str], seen: Seen, in_common: dict[str, str] | None = None) -> Row | Unreadable:
        """Take a row apart; `in_common` is what it has where it does not say it itself."""
        self.look_at(cells, seen)
        try:
            said = combine((one, cells[place]) for place, one in self.places if place < len(cells))
        except ContradictoryError as contradictory:
            return Unreadable(line, str(contradictory), contradictory.column)
        return Row(line, {**(in_common or {}), **said})

    def look_at(self, cells: list[str], seen: Seen) -> None:
        """Take down the columns that have something in this row and are not read."""
        for place in [place for place in self.unread if place < len(cells) and cells[place].strip()]:
            seen.not_read(self.unread.pop(place), place=place)
        for place in range(self.width, len(cells)):
            if cells[place].strip():
                seen.not_read("", place=place)


def _check_once(all_asked: list[Asked]) -> None:
    once: set[tuple[str, int, str | None]] = set()
    for one in all_asked:
        key = (one.column, one.part, one.choice)
        if key in once or (one.part == 1 and (one.column, 0, None) in once):
            raise UnusableFileError(f"Two columns are both {one.column}.")
        once.add(key)
        if one.part == 0 and one.choice is None and (one.column, 1, None) in once:
            raise UnusableFileError(f"Two columns are both {one.column}.")
