"""By what a block is found: keyed hashes of how names sound and are written, of documents and telephones.

HMAC-SHA256 with a key of each organisation's, of which 64 bits are kept: two terms that share them would find a block
too many, one time in some thousand million million.
"""

import hashlib
import hmac
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any, Final, Literal, NamedTuple

import phonenumbers

from contracts.blocks import PersonBlock
from messaging.database import Connection, Row
from messaging.spelling import read_document_number, sound_of, words_of

Kind = Literal["word", "document", "telephone"]

REGION: Final = "CO"  # of a telephone that is written without its country
LAST_DIGITS: Final = 4
LOOKED_AT: Final = 500  # blocks of those that hit equally many terms; of more the newest may be missed

# Who is written exactly so stands first, then what came last.
FOUND: Final = """
    with found as (
        select block, tokens, received_at from block_index
        where organisation = %(organisation)s and block <> all(%(before)s::uuid[]) and ({condition})
            and (consent_id is null or (%(coordinates)s and may_be_named(
                consent_id, organisation, (select person_id from sealed_block where sealed_block.id = block)
            )))
        limit {looked_at}
    ), best as (
        select block, received_at,
            cardinality(array(select unnest(%(exact)s::bigint[]) intersect select unnest(tokens))) as exact
        from found order by exact desc, received_at desc, block limit %(most)s
    )
    select id, message_id, referral_id, person_id from best join sealed_block on sealed_block.id = best.block
    order by exact desc, best.received_at desc, id
"""
# Whatever a term's frequency: who has most of what there is would otherwise be found by reading all of it.
BY_THE_INDEX: Final = "set local enable_seqscan = off"


class Term(NamedTuple):
    """A word, or a number, that is searched for: a block hits that has one of the tokens."""

    kind: Kind
    tokens: tuple[int, ...]
    exact: int | None = None


def token(key: bytes, what: str, text: str) -> int:
    """Hash something that a block is found by."""
    return int.from_bytes(hmac.digest(key, f"{what} {text}".encode(), hashlib.sha256)[:8], signed=True)


def tokens(key: bytes, person: PersonBlock) -> list[int]:
    """Hash all that a person's block is found by; the telephone of who answers for a child is the child's, too."""
    return sorted({token(key, *one) for one in _found_by(person)})


def _found_by(person: PersonBlock) -> Iterator[tuple[str, str]]:
    for word in (*words_of(person.given_names), *words_of(person.family_names)):
        yield "sound", sound_of(word)
        yield "word", word
    for document in person.documents:
        if document.number and (number := read_document_number(document.number)):
            yield "document", number
    for phone in (person.phone, person.caregiver.phone if person.caregiver else None):
        if phone:
            yield "telephone", _e164(phone) or phone
            yield "last digits", phone[-LAST_DIGITS:]


def terms(key: bytes, text: str) -> list[Term]:
    """Read what somebody has typed: each word of a name is a term, and all that has digits is one number."""
    parts = text.split()
    number = " ".join(one for one in parts if any(c.isdigit() for c in one))
    found: list[Term] = []
    for word in dict.fromkeys(words_of(" ".join(one for one in parts if not any(c.isdigit() for c in one)))):
        found.append(Term("word", (token(key, "sound", sound_of(word)),), token(key, "word", word)))
    digits = "".join(c for c in number if c.isdigit())
    if document := read_document_number(number):
        may_be = [token(key, "document", document)]
        if phone := _e164(number):
            may_be.append(token(key, "telephone", phone))
        found.append(Term("telephone" if phone else "document", tuple(may_be)))
    elif len(digits) == LAST_DIGITS:
        found.append(Term("telephone", (token(key, "last digits", digits),)))
    return found


def _e164(number: str) -> str | None:
    try:
        read = phonenumbers.parse(number, REGION)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(read):
        return None
    return phonenumbers.format_number(read, phonenumbers.PhoneNumberFormat.E164)


def search(
    connection: Connection, organisation: str, terms: Sequence[Term], most: int, *, coordinates: bool
) -> list[Row]:
    """Return blocks of an organisation, those first that hit most of the terms; `terms` of a row says how many.

    Names that it was told to coordinate are found by who coordinates, while the person's consent holds.

    What misses half of them, or two, is looked for only where there is nothing better: it would be half of everybody.
    """
    rows: list[Row] = []
    exact = [one.exact for one in terms if one.exact is not None]
    values: dict[str, Any] = {f"term{place}": list(one.tokens) for place, one in enumerate(terms)}
    connection.execute(BY_THE_INDEX)
    for many in range(len(terms), 0, -1):
        if len(rows) >= most or (rows and many <= max(len(terms) // 2, len(terms) - 2)):
            break
        condition = " or ".join(
            f"({' and '.join(f'tokens && %(term{place})s::bigint[]' for place in places)})"
            for places in combinations(range(len(terms)), many)
        )
        asked = {
            "organisation": organisation,
            "before": [row["id"] for row in rows],
            "exact": exact,
            "coordinates": coordinates,
            "most": most - len(rows),
        }
        sql = FOUND.format(condition=condition, looked_at=LOOKED_AT)
        rows += [{**row, "terms": many} for row in connection.execute(sql.encode(), values | asked).fetchall()]
    return rows
