"""Pages of HTML from templates, in either language, and the files that they name."""

import hashlib
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from hub.console.web import words
from hub.console.web.saying import number
from hub.gateway.http.problems import LANGUAGE_NAMES, LANGUAGES, Language

HERE: Final = Path(__file__).parent
TEMPLATES: Final = HERE / "templates"
STATIC: Final = HERE / "static"
MEDIA_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@cache
def environment(language: Language) -> Environment:
    """The templates in a language; what a template names has to be there."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
    )
    text = words.translations(language)

    def plural(one: str, many: str, count: int) -> str:
        return text.ngettext(one, many, count).replace("%(num)d", number(count, language))

    made.install_gettext_callables(text.gettext, plural, newstyle=True)  # type: ignore[attr-defined]
    made.filters["number"] = partial(number, language=language)
    made.globals |= {"language": language, "language_names": LANGUAGE_NAMES, "languages": LANGUAGES, "static": static}
    return made


def render(language: Language, template: str, values: Mapping[str, Any]) -> str:
    """A page as text."""
    return environment(language).get_template(template).render(values)


def static(name: str) -> str:
    """Where a file is found: what is in it stands in its path, so that browsers may keep it for good."""
    return f"/static/{file(name)[0]}/{name}"


@cache
def file(name: str) -> tuple[str, bytes, str]:
    """A file of STATIC: the beginning of its SHA-256, what is in it, and its media type. Raises KeyError."""
    path = next((one for one in STATIC.iterdir() if one.name == name), None)
    if path is None:
        raise KeyError(name)
    content = path.read_bytes()
    return hashlib.sha256(content).hexdigest()[:12], content, MEDIA_TYPES[path.suffix]
