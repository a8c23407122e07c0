"""Made-up people of a made-up world: what LARGE was sent of them sealed, and the keyed hashes that they are found by.

LARGE is hosted and coordinates. Of each referral that it has a part in it has the person's block, which is more than
such an organisation is sent, and of everybody else the name, told to coordinate under a consent that holds: the index
has a row for each referral. The hashes are made by custody's own functions, with the organisation's key. Blocks are
sealed to it, but there are SEALED of a kind only: a row opens as somebody else than it is found by. Every tenth person
has a receipt.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final, LiteralString, NamedTuple
from uuid import UUID

import psycopg
from psycopg import sql

import contracts
from bench.console.world import LARGE, loading, settle
from contracts import sealing
from contracts.blocks import PersonBlock
from contracts.codes import DocumentType
from contracts.sealing import Key
from hub.console.custody import searching
from messaging.topology import HUB

SEALED: Final = 1_000
STEEP: Final = 3
"""The n-th of the names that there are is as frequent as 1 / (n + STEEP)."""
FIRST_NAMES: Final = ("María", "José", "Luis", "Carmen", "Juan", "Ana", "Carlos", "Yuleisy", "Jesús", "Rosa")
LAST_NAMES: Final = ("Rodríguez", "Pérez", "González", "García", "Martínez", "Hernández", "López", "Díaz", "Gómez")
OTHER_FIRST, OTHER_LAST = 200, 600  # that are made of syllables
SYLLABLES: Final = ("ba", "che", "di", "fo", "gu", "la", "me", "ni", "po", "ru", "sa", "te", "vi", "xo", "yu", "zan")
ONLY: Final = "Wilmaryelis", "Rodríguez Altahonasoto"
"""What the person of the longest referral is called: a name of very many, and two of nobody else."""
RECEIPT: Final = "7K2M-9PQR-4TVW"  # of the same person
TABLES: Final = ("consent", "delivered", "sealed_block", "block_index")
REST: Final[LiteralString] = """
    create temporary table brought on commit drop as
    select referral_id as id, person_id, sequence, need_code, sent_at, tokens,
        {whose} in (sender, recipient) as has_all,
        case when sender = {whose} then recipient else sender end as source
    from referral join found_by using (sequence) order by sequence;

    insert into consent (consent_id, person_id, granted_to, purposes, recipients, valid_from)
    select id, person_id, source, array['coordinate'], array[{whose}], sent_at from brought where not has_all;

    insert into delivered (
        organisation, source, message_id, type, subject, said_at, received_at, envelope, data, referral_id, people,
        confidential, is_notice
    )
    select {whose}, source, id, case when has_all then 'referral.offered.v2' else 'person.name_brought.v1' end,
        case when has_all then id else person_id end, sent_at, sent_at, jsonb_build_object('sequence', sequence),
        jsonb_build_object('request', jsonb_build_object('need_code', need_code, 'contact', '{{}}'::jsonb)),
        case when has_all then id end, array[person_id], false, false
    from brought;

    insert into delivered (
        organisation, source, message_id, type, subject, said_at, received_at, envelope, data, people, confidential,
        is_notice
    )
    select {whose}, {hub}, id, 'consent.receipt_issued.v2', person_id, sent_at, sent_at, '{{}}',
        jsonb_build_object('receipt_code', case when id = {longest} then {receipt}
            else regexp_replace(upper(substr(md5(sequence::text), 1, 12)), '(....)(....)(....)', '\\1-\\2-\\3') end),
        array[person_id], false, false
    from brought where has_all and (sequence % 10 = 0 or id = {longest});

    insert into sealed_block (
        id, organisation, source, message_id, place, kind, referral_id, person_id, confidential, jwe, received_at,
        consent_id
    )
    select id, {whose}, source, id, case when has_all then 'data.request.sealed' else 'data.sealed' end,
        case when has_all then 'person' else 'name' end, case when has_all then id end, person_id, false,
        case when has_all then person else name end, sent_at, case when not has_all then id end
    from brought join sealed on number = sequence % {sealed};

    insert into block_index (block, organisation, received_at, consent_id, tokens)
    select id, {whose}, sent_at, case when not has_all then id end, tokens from brought;
"""


class Word(NamedTuple):
    """A word of names, and the hashes that whoever has it is found by."""

    text: str
    tokens: Sequence[int]


@dataclass(frozen=True)
class People:
    """What people are looked for by: one, of the longest referral, and very many."""

    name: str
    telephone: str
    document: str
    receipt: str
    last_digits: str
    common: str
    """The last name that most have."""
    common_pair: str
    """The names that most have."""
    nobody: str
    """Two names of which many have the one, and nobody the other."""
    none: str
    """Two names that nobody has."""


def fill(
    connection: psycopg.Connection[Any], longest: UUID, index_key: bytes, public_key: Key, *, seed: int = 3
) -> People:
    """Put somebody into the tables for each referral that is there, and commit."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    row = connection.execute(
        "select sequence, (select max(sequence) from referral) from referral where referral_id = %s", (longest,)
    ).fetchone()
    assert row is not None
    one, last = row
    with connection.cursor() as cursor, loading(cursor, TABLES):
        cursor.execute("create temporary table sealed (number integer, person text, name text) on commit drop")
        with cursor.copy("copy sealed from stdin") as copy:
            for number in range(SEALED):
                copy.write_row((number, *_sealed(number, public_key)))
        cursor.execute("create temporary table found_by (sequence bigint, tokens bigint[]) on commit drop")
        with cursor.copy("copy found_by from stdin") as copy:
            for sequence, tokens in _found_by(one, last, index_key, chance):
                copy.write(f"{sequence}\t{{{','.join(map(str, tokens))}}}\n")
        cursor.execute(
            sql.SQL(REST).format(
                whose=sql.Literal(LARGE), hub=sql.Literal(HUB), longest=sql.Literal(longest),
                receipt=sql.Literal(RECEIPT), sealed=sql.Literal(SEALED),
            )
        )  # fmt: skip
    settle(connection)
    return People(
        name=" ".join(ONLY), telephone=_telephone(one), document=_document(one), receipt=RECEIPT,
        last_digits=_telephone(one)[-searching.LAST_DIGITS :], common=LAST_NAMES[0],
        common_pair=f"{FIRST_NAMES[0]} {LAST_NAMES[0]}", nobody=f"{LAST_NAMES[0]} Quispetupanqui",
        none="Quispetupanqui Wrzeszczyk",
    )  # fmt: skip


def _sealed(number: int, public_key: Key) -> tuple[str, str]:
    """What somebody's block is sealed, and what their name is."""
    given, family = FIRST_NAMES[number % len(FIRST_NAMES)], LAST_NAMES[number % len(LAST_NAMES)]
    name = {"given_names": given, "family_names": family}
    document = {"type": DocumentType.PT.value, "number": _document(number)}
    whole = {**name, "documents": [document], "phone": _telephone(number), "birth_date": "1990-01-31"}
    contracts.read_block(PersonBlock, whole)
    return sealing.seal(whole, public_key), sealing.seal(name, public_key)


def _found_by(one: int, last: int, key: bytes, chance: random.Random) -> Iterator[tuple[int, Sequence[int]]]:
    """The hashes of everybody, as custody makes them of a block."""
    first_names, last_names = _words(FIRST_NAMES, OTHER_FIRST, key), _words(LAST_NAMES, OTHER_LAST, key)
    first_weights, last_weights = _weights(first_names), _weights(last_names)
    for sequence in range(1, last + 1):
        if sequence == one:
            names = list(_tokens(key, ONLY))
        else:
            words = [*chance.choices(first_names, first_weights), *chance.choices(last_names, last_weights, k=2)]
            names = [token for word in words for token in word.tokens]
        phone = _telephone(sequence)
        numbers = (
            searching.token(key, "document", _document(sequence)),
            searching.token(key, "telephone", phone),
            searching.token(key, "last digits", phone[-searching.LAST_DIGITS :]),
        )
        yield sequence, sorted({*names, *numbers})


def _words(known: Sequence[str], others: int, key: bytes) -> Sequence[Word]:
    made = ["".join(parts).title() for parts in product(SYLLABLES, repeat=3)]
    chosen = [*known, *made[:: len(made) // others][:others]]
    return [Word(text, _tokens(key, ("", text))) for text in chosen]


def _tokens(key: bytes, name: Sequence[str]) -> Sequence[int]:
    given, family = name
    return searching.tokens(key, PersonBlock(given_names=given or None, family_names=family))


def _weights(words: Sequence[Word]) -> Sequence[float]:
    return [1 / (number + STEEP) for number in range(1, len(words) + 1)]


def _telephone(number: int) -> str:
    """Another one for each, as it is written with its country."""
    return f"+573{number * 37 % 1_000_000_000:09}"


def _document(number: int) -> str:
    return str(10_000_000 + number)
