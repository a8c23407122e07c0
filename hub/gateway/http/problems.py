"""What is answered when something is wrong: problem documents (RFC 9457), in Spanish or in English.

Each has a code that programs go by, the field to blame where there is one, and the id of the request, which stands in
our log too. The words of codes are in contracts/refusals.toml; none of them repeats what a request said.
"""

import html
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal
from uuid import UUID

import msgspec

from contracts.refusals import explain, find

Language = Literal["es", "en"]
LANGUAGES: tuple[Language, ...] = ("es", "en")
LANGUAGE_NAMES: Mapping[Language, str] = {"es": "Español", "en": "English"}
MEDIA_TYPE = b"application/problem+json"
MAX_ACCEPT_LANGUAGE = 200  # characters of it that are looked at

TITLES: Mapping[int, Mapping[Language, str]] = {
    400: {"es": "La petición no se puede leer", "en": "The request cannot be read"},
    401: {"es": "Falta una clave válida", "en": "A valid key is missing"},
    403: {"es": "No está permitido", "en": "Not allowed"},
    404: {"es": "No existe", "en": "Not found"},
    405: {"es": "Aquí no se usa ese método", "en": "Method not allowed"},
    408: {"es": "La petición tardó demasiado", "en": "The request took too long"},
    409: {"es": "Ya se usó para otra cosa", "en": "Used for something else already"},
    413: {"es": "Es demasiado grande", "en": "Too large"},
    414: {"es": "La dirección es demasiado larga", "en": "The address is too long"},
    415: {"es": "Ese formato no se lee aquí", "en": "This format is not read here"},
    422: {"es": "El mensaje no se puede aceptar", "en": "The message cannot be accepted"},
    429: {"es": "Demasiadas peticiones", "en": "Too many requests"},
    431: {"es": "Los encabezados son demasiado grandes", "en": "The headers are too large"},
    500: {"es": "Algo falló de nuestro lado", "en": "Something failed on our side"},
    503: {"es": "Ahora no es posible", "en": "Not possible right now"},
    505: {"es": "Esa versión de HTTP no se habla aquí", "en": "This version of HTTP is not spoken here"},
}

# Where admission's codes belong: what cannot be read at all, and what is not the sender's to say. All else is 422.
STATUS_OF_REFUSAL = {
    **dict.fromkeys(("not_json", "not_utf8", "too_deep", "too_many_values", "nul_character", "not_cloudevents"), 400),
    **dict.fromkeys(
        (
            "another_system",
            "forged_sender",
            "not_allowed",
            "not_yours",
            "recipient_not_allowed",
            "suspended",
            "unknown_system",
        ),
        403,
    ),
    "too_large": 413,
    "content_type": 415,
}


class Problem(Exception):
    """A request is not done as it was asked; what its sender is told of it."""

    def __init__(
        self,
        status: int,
        code: str,
        where: str | None = None,
        *,
        retry_after: int | None = None,
        headers: Mapping[str, str] | None = None,
        message_id: UUID | None = None,
    ) -> None:
        """`where` is a field, a header or a parameter that we name ourselves; `retry_after` are seconds."""
        super().__init__(code)
        self.status = status
        self.code = code
        self.where = where
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["Retry-After"] = str(retry_after)
        self.message_id = message_id

    @classmethod
    def of_refusal(cls, code: str, where: str | None, message_id: UUID | None = None) -> "Problem":
        """What admission refuses, as a problem."""
        return cls(STATUS_OF_REFUSAL.get(code, 422), code, where, message_id=message_id)

    def document(self, language: Language, request_id: str) -> dict[str, Any]:
        """The problem as RFC 9457 writes it."""
        said = {
            "type": f"/problems/{self.code}",
            "title": title(self.status, language),
            "status": self.status,
            "detail": detail(self.code, language),
            "code": self.code,
            "where": self.where,
            "request_id": request_id,
        }
        return {name: value for name, value in said.items() if value is not None}


def title(status: int, language: Language) -> str:
    """Say what kind of problem it is."""
    return TITLES.get(status, TITLES[500])[language]


def detail(code: str, language: Language) -> str | None:
    """Say what a code means and what to do; None for one that nobody knows."""
    return explain(code, "gateway", language) if find(code, "gateway", language) else None


def page(code: str) -> str | None:
    """Write a page of HTML about a code, in both languages; None for one that nobody knows.

    What the gateway says by it stands first. Where services mean something else, their words follow, with their names.
    """
    parts = []
    for language in LANGUAGES:
        found = find(code, language=language)
        if not found:
            return None
        by: dict[str, list[str]] = {}
        for speaker, words in found.items():
            by.setdefault(str(words), []).append(speaker)
        said = [(", ".join(speakers) if len(by) > 1 else "", text) for text, speakers in by.items()]
        lines = "".join(f"<p>{f'<b>{who}</b>: ' if who else ''}{html.escape(text)}</p>" for who, text in said)
        parts.append(f'<section lang="{language}"><h2>{LANGUAGE_NAMES[language]}</h2>{lines}</section>')
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{code}</title>'
    body = f"<h1>{code}</h1>{''.join(parts)}"
    return f'<!doctype html><html lang="es"><head>{head}</head><body>{body}</body></html>'


def language_of(headers: Mapping[bytes, bytes]) -> Language:
    """Choose by Accept-Language (RFC 9110, 12.5.4); Spanish where it prefers neither or cannot be read."""
    accepted = headers.get(b"accept-language")
    return _negotiate(accepted[:MAX_ACCEPT_LANGUAGE]) if accepted else "es"


@lru_cache(1000)
def _negotiate(accepted: bytes) -> Language:
    weights: dict[str, float] = {}
    for one in accepted.decode("latin-1").lower().split(","):
        range_, *parameters = (part.strip() for part in one.split(";"))
        weight = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    weight = float(parameter[2:])
                except ValueError:
                    weight = 0.0
        primary = range_.split("-")[0]
        weights[primary] = max(weights.get(primary, 0.0), weight)
    anything = weights.get("*", 0.0)
    return max(LANGUAGES, key=lambda language: weights.get(language, anything))  # of equals the first: Spanish


def response(problem: Problem, language: Language, request_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The two ASGI messages that answer with a problem."""
    body = msgspec.json.encode(problem.document(language, request_id))
    headers = [
        (b"content-type", MEDIA_TYPE),
        (b"content-language", language.encode()),
        (b"content-length", str(len(body)).encode()),
        *((name.lower().encode(), value.encode()) for name, value in problem.headers.items()),
    ]
    return (
        {"type": "http.response.start", "status": problem.status, "headers": headers},
        {"type": "http.response.body", "body": body},
    )
