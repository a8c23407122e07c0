"""What `Transaction.load` knows: what it was answered, and what messages have made of that since (an identity map)."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, LiteralString

Key = Any
"""What a row is loaded by: a UUID, or a code."""

_Known = dict[LiteralString, dict[Key, Any]]  # by statement


class Loaded:
    """For one transaction. What the message that is being handled has said counts for the others once it is kept."""

    def __init__(self) -> None:
        self._mentioned: dict[Key, None] = {}
        self._to_mention: list[Iterable[Key]] = []
        self._known: _Known = {}
        self._fresh: _Known = {}  # by the message that is being handled

    def mention(self, keys: Iterable[Key]) -> None:
        """Note keys to be asked for together with others of their kind; they are gone through when that is done."""
        self._to_mention.append(keys)

    def wanted(self, sql: LiteralString, key: Key) -> list[Key]:
        """Return this key, and all of its kind that is mentioned and of which nothing is known by this statement."""
        for keys in self._to_mention:
            self._mentioned.update(dict.fromkeys(keys))
        self._to_mention.clear()
        known, fresh = self._known.get(sql, {}), self._fresh.get(sql, {})
        kind = type(key)
        others = (one for one in self._mentioned if type(one) is kind and one != key)
        return [key, *(one for one in others if one not in known and one not in fresh)]

    def knows(self, sql: LiteralString, key: Key) -> bool:
        """Tell whether it was asked for or put: it may be known that it is not there."""
        return any(sql in known and key in known[sql] for known in (self._fresh, self._known))

    def get(self, sql: LiteralString, key: Key) -> Any:
        """Return what stands under a key that is known; None where nothing is there."""
        fresh = self._fresh.get(sql, {})
        return fresh[key] if key in fresh else self._known[sql][key]

    def learn(self, sql: LiteralString, found: Mapping[Key, Any], *, for_good: bool) -> None:
        """Take in what the database has answered; not `for_good` where undoing the message takes its locks back."""
        (self._known if for_good else self._fresh).setdefault(sql, {}).update(found)

    def put(self, sql: LiteralString, key: Key, now: object) -> None:
        """Say what stands there from now on."""
        self._fresh.setdefault(sql, {})[key] = now

    def amend(self, sql: LiteralString, key: Key, change: Callable[[Any], object]) -> None:
        """Say what becomes of what stands there, where that is known."""
        if self.knows(sql, key):
            self.put(sql, key, change(self.get(sql, key)))

    def all_of(self, sql: LiteralString) -> Iterator[Any]:
        """Go through everything that is known by this statement, without what is not there."""
        known = {**self._known.get(sql, {}), **self._fresh.get(sql, {})}
        yield from (one for one in known.values() if one is not None)

    def forget(self, sql: LiteralString) -> None:
        """Know nothing by this statement any more."""
        self._fresh.pop(sql, None)
        self._known.pop(sql, None)

    def keep(self) -> None:
        """End a message: what it has said counts for those after it."""
        for sql, fresh in self._fresh.items():
            self._known.setdefault(sql, {}).update(fresh)
        self._fresh.clear()

    def undo(self) -> None:
        """End a message as if it had said nothing."""
        self._fresh.clear()
