"""What a change of a released schema breaks: the rule that a contract only grows.

Two kinds of change break somebody:

* **narrowing** (a value that was allowed no longer is) breaks whoever writes by the released schema, and the messages
  that are still on their way;
* **widening** (a value that was not allowed now is) breaks whoever reads by the released schema. Where only the hub
  reads, widening is harmless: the hub is always first to have a new release.

New fields that may be absent break nobody, because readers ignore what they do not know; nor does a rule between fields
that every message without them keeps. An alternative that asks for a new field, beside those of before, is a widening.
What else cannot be judged (a pattern, another rule between fields) counts as a
break when it changes.
"""

from collections.abc import Iterator, Set
from typing import Any, Literal

from .schemas import Schema

_ANNOTATIONS = {"title", "description", "examples", "deprecated", "$comment", "$id", "$schema", "$defs"}
_LOWER_BOUNDS = {"minimum", "exclusiveMinimum", "minLength", "minItems"}
_UPPER_BOUNDS = {"maximum", "exclusiveMaximum", "maxLength", "maxItems"}
_JUDGED = {"type", "enum", "nullable", "properties", "required", "items", "additionalProperties", "default"}

_Break = tuple[Literal["narrowed", "widened", "changed"], str]


def breaks(released: Schema, current: Schema, *, only_the_hub_reads: bool) -> list[str]:
    """Name each break between the released schema and the current one, as `path: what happened`."""
    found = _compare(_Node(released, released), _Node(current, current), "")
    return [what for kind, what in found if not (kind == "widened" and only_the_hub_reads)]


class _Node:
    """A schema with its references followed, its annotations left out, and null told apart from the rest."""

    def __init__(self, schema: Any, document: Schema) -> None:
        self.document = document
        self.keywords: Schema = self._plain(schema)

    def _plain(self, schema: Any) -> Schema:
        if not isinstance(schema, dict):  # `true` and `false` are schemas too
            return {} if schema else {"not": {}}
        plain = {key: value for key, value in schema.items() if key not in _ANNOTATIONS}
        if "$ref" in plain:
            target = self.document["$defs"][plain.pop("$ref").removeprefix("#/$defs/")]
            plain = {**self._plain(target), **plain}
        if "const" in plain:
            plain["enum"] = [plain.pop("const")]
        options = plain.get("anyOf", [])
        if len(options) == 2 and {"type": "null"} in options:
            (other,) = (option for option in options if option != {"type": "null"})
            del plain["anyOf"]
            plain = {**self._plain(other), **plain, "nullable": True}
        return plain

    def get(self, keyword: str, default: Any = None) -> Any:
        return self.keywords.get(keyword, default)

    def field(self, name: str) -> "_Node":
        return _Node(self.keywords["properties"][name], self.document)

    def below(self, keyword: str) -> "_Node":
        return _Node(self.keywords.get(keyword, True), self.document)

    def spelled_out(self, value: Any) -> Any:
        """A keyword's value with the references in it followed, so that a renamed definition changes nothing."""
        if isinstance(value, dict):
            followed = self._plain(value) if "$ref" in value else value
            return {key: self.spelled_out(part) for key, part in followed.items() if key not in _ANNOTATIONS}
        if isinstance(value, list):
            return [self.spelled_out(part) for part in value]
        return value


def _compare(old: _Node, new: _Node, path: str) -> Iterator[_Break]:
    here = path or "message"
    if old.get("type") != new.get("type"):
        yield "changed", f"{here}: type changed from {old.get('type')} to {new.get('type')}"
        return
    if old.get("nullable") and not new.get("nullable"):
        yield "narrowed", f"{here}: may no longer be null"
    if new.get("nullable") and not old.get("nullable"):
        yield "widened", f"{here}: may now be null"
    yield from _compare_values(old, new, here)
    yield from _compare_bounds(old, new, here)
    yield from _compare_fields(old, new, path)
    if "items" in old.keywords or "items" in new.keywords:
        yield from _compare(old.below("items"), new.below("items"), f"{here}[]")
    if "default" in old.keywords and "default" in new.keywords and old.get("default") != new.get("default"):
        yield "changed", f"{here}: the default changed, so its absence means something else"
    for keyword in sorted(old.keywords.keys() | new.keywords.keys()):
        if keyword in _JUDGED | _LOWER_BOUNDS | _UPPER_BOUNDS or (keyword == "allOf" and _adds_idle_rules(old, new)):
            continue
        if keyword == "oneOf" and (number := _adds_alternatives(old, new)):
            yield "widened", f"{here}: alternatives added to oneOf: {number}"
        elif old.spelled_out(old.get(keyword)) != new.spelled_out(new.get(keyword)):
            yield "changed", f"{here}: {keyword} changed"


def _adds_idle_rules(old: _Node, new: _Node) -> bool:
    """Whether the rules between fields are those of before, and others that nothing without new fields can break."""
    before, after = (one.spelled_out(one.get("allOf", [])) for one in (old, new))
    added = new.get("properties", {}).keys() - old.get("properties", {}).keys()
    return bool(after[: len(before)] == before) and all(_is_idle(rule, added) for rule in after[len(before) :])


def _adds_alternatives(old: _Node, new: _Node) -> int:
    """How many alternatives there are behind those of before, where nothing without new fields can be any of them."""
    before, after = (one.spelled_out(one.get("oneOf", [])) for one in (old, new))
    added = new.get("properties", {}).keys() - old.get("properties", {}).keys()
    more = after[len(before) :]
    asks = all(isinstance(one, dict) and set(one.get("required", [])) & added for one in more)
    return len(more) if before and after[: len(before)] == before and asks else 0


def _is_idle(rule: Any, added: Set[str]) -> bool:
    """Whether a rule asks for a new field in its `if`, or speaks of nothing but such fields in its `then`."""
    if not isinstance(rule, dict) or rule.keys() != {"if", "then"}:
        return False
    asked, then = set(rule["if"].get("required", [])), rule["then"]
    return bool(asked & added) or (then.keys() == {"properties"} and then["properties"].keys() <= added)


def _compare_values(old: _Node, new: _Node, here: str) -> Iterator[_Break]:
    before, after = old.get("enum"), new.get("enum")
    if before is None and after is not None:
        yield "narrowed", f"{here}: limited to a list of values"
    elif before is not None and after is None:
        yield "widened", f"{here}: no longer limited to a list of values"
    elif before is not None and after is not None:
        for value in before:
            if value not in after:
                yield "narrowed", f"{here}: value {value} removed"
        for value in after:
            if value not in before:
                yield "widened", f"{here}: value {value} added"


def _compare_bounds(old: _Node, new: _Node, here: str) -> Iterator[_Break]:
    for bound in sorted(_LOWER_BOUNDS | _UPPER_BOUNDS):
        before, after = old.get(bound), new.get(bound)
        if before == after:
            continue
        if before is None or after is None:
            narrower = before is None
        else:
            narrower = after > before if bound in _LOWER_BOUNDS else after < before
        yield ("narrowed" if narrower else "widened"), f"{here}: {bound} changed from {before} to {after}"


def _compare_fields(old: _Node, new: _Node, path: str) -> Iterator[_Break]:
    before, after = old.get("properties", {}), new.get("properties", {})
    needed_before, needed_after = set(old.get("required", [])), set(new.get("required", []))
    added = [name for name in after if name not in before]

    def at(name: str) -> str:
        return f"{path}.{name}" if path else name

    for name in before:
        if name in after:
            yield from _compare(old.field(name), new.field(name), at(name))
            continue
        same = [other for other in added if new.field(other).keywords == old.field(name).keywords]
        yield "changed", f"{at(name)}: " + (f"renamed to {same[0]}" if len(same) == 1 else "removed")
    for name in sorted(needed_after - needed_before):
        yield "narrowed", f"{at(name)}: now required"
    for name in sorted((needed_before - needed_after) & after.keys()):
        yield "widened", f"{at(name)}: no longer required"
    if old.get("additionalProperties") != new.get("additionalProperties"):
        closed = new.get("additionalProperties") is False
        what = "unknown fields are no longer ignored" if closed else "the rule for unknown fields changed"
        yield "changed", f"{path or 'message'}: {what}"
