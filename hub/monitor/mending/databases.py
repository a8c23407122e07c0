"""Many databases asked at once; those that do not answer are named."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

import psycopg

from messaging import database
from messaging.database import Connection

CONNECT_WITHIN = 3.0  # seconds for each host of a server
ANSWER_WITHIN = 20.0  # seconds: an operation may be about 100,000 messages

Databases = Mapping[str, str]  # by service: the address of its database, as the login of operators
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Answers(Generic[Answer]):
    """What databases have answered, by service."""

    found: Mapping[str, Answer]
    unseen: Mapping[str, str]  # those that have not, with the code of why: `away`, `no_answer`, `busy`


def ask(url: str, question: Callable[[Connection], Answer], answer_within: float = ANSWER_WITHIN) -> Answer:
    """Ask one, in a transaction of its own. Raises psycopg.Error."""
    with database.connect(url, within=CONNECT_WITHIN, answer_within=answer_within) as connection:
        return question(connection)


def ask_all(
    databases: Databases, question: Callable[[Connection], Answer], answer_within: float = ANSWER_WITHIN
) -> Answers[Answer]:
    """Ask all of them at once, each in a transaction of its own that answers within so many seconds."""
    return ask_each(databases, dict.fromkeys(databases, question), answer_within)


def ask_each(
    databases: Databases,
    questions: Mapping[str, Callable[[Connection], Answer]],
    answer_within: float = ANSWER_WITHIN,
) -> Answers[Answer]:
    """Ask each its own question, all at once, each in a transaction of its own."""
    found, unseen = dict[str, Answer](), dict[str, str]()
    with ThreadPoolExecutor(max_workers=max(len(questions), 1)) as threads:
        asked = {
            name: threads.submit(ask, databases[name], question, answer_within) for name, question in questions.items()
        }
        for name, answer in asked.items():
            try:
                found[name] = answer.result()
            except psycopg.Error as error:
                unseen[name] = database.problem(error)
    return Answers(found, unseen)
