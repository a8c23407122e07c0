"""The JSON Schemas of contracts and blocks: what is published, kept in `schemas/`, and frozen once it is there."""

import ast
import inspect
import itertools
import json
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from .blocks import BLOCKS
from .registry import CONTRACTS, Contract

Schema = dict[str, Any]

FOLDER = Path(__file__).parent / "schemas"


def current_schemas() -> dict[str, Schema]:
    """Make the schemas that the models have now, by name: each contract's type, and `block.` with each block's name."""
    made = {contract.type: message_schema(contract) for contract in CONTRACTS.values()}
    made.update({f"block.{name}": _schema(block, f"block.{name}") for name, block in BLOCKS.items()})
    return made


def released_schemas(folder: Path = FOLDER) -> dict[str, Schema]:
    """Read the schemas that have been published, by name."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


def message_schema(contract: Contract) -> Schema:
    """Make the schema of a whole message of this contract: envelope and data."""
    schema = _schema(contract.message, contract.type)
    schema["description"] = contract.meaning
    if contract.numbered:
        schema["required"].append("sequence")
        schema["properties"]["sequence"] = schema["properties"]["sequence"]["anyOf"][0]
    return schema


def as_text(schema: Schema) -> str:
    """Write a schema as its file has it."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _schema(model: type[BaseModel], name: str) -> Schema:
    """Make the schema of a model; whoever has it may change it."""
    made: Schema = json.loads(_schema_text(model, name))
    return made


@cache  # to read it again takes next to nothing beside making it
def _schema_text(model: type[BaseModel], name: str) -> str:
    schema = model.model_json_schema()
    for part in [schema, *schema.get("$defs", {}).values()]:
        part.pop("title", None)
        for field in part.get("properties", {}).values():
            field.pop("title", None)
    described = {"": model, **{used.__name__: used for used in _models_within(model)}}
    for key, used in described.items():
        properties = (schema["$defs"][key] if key else schema)["properties"]
        for field, meaning in _field_meanings(used).items():
            properties[field].setdefault("description", meaning)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:ruta:{name}", "title": name}
    return json.dumps({**head, **schema})


def _models_within(model: type[BaseModel]) -> set[type[BaseModel]]:
    """Find the models that a model is made of, however deep."""
    found: set[type[BaseModel]] = set()
    waiting: list[Any] = [field.annotation for field in model.model_fields.values()]
    while waiting:
        kind = waiting.pop()
        waiting.extend(getattr(kind, "__args__", ()))
        if inspect.isclass(kind) and issubclass(kind, BaseModel) and kind not in found:
            found.add(kind)
            waiting.extend(field.annotation for field in kind.model_fields.values())
    return found


def _field_meanings(model: type[BaseModel]) -> dict[str, str]:
    """Read the sentences written under the fields; pydantic could, at twice the time to import."""
    meanings: dict[str, str] = {}
    for ancestor in reversed(model.__mro__):
        meanings.update(_own_meanings(ancestor))
    return {field: meaning for field, meaning in meanings.items() if field in model.model_fields}


@cache  # nearly every message has the same models within, and to find a class in its file takes long
def _own_meanings(model: type) -> dict[str, str]:
    """Read the sentences under the fields that stand in the body of one class."""
    if not issubclass(model, BaseModel) or not model.__module__.startswith(f"{__package__}."):
        return {}
    try:
        body = ast.parse(inspect.getsource(model)).body[0]
    except (OSError, TypeError):  # a message class is made by the register and has no source of its own
        return {}
    return {
        field.target.id: " ".join(str(below.value.value).split())
        for field, below in itertools.pairwise(body.body if isinstance(body, ast.ClassDef) else [])
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
    }
