"""Countries by what systems call them."""

import re
from collections.abc import Mapping
from typing import Final

import iso3166
from anyascii import anyascii


def _key(word: str) -> str:
    """A word as systems write it in ids: `Côte d'Ivoire` is `cote_d_ivoire`."""
    return re.sub("[^a-z0-9]+", "_", anyascii(word).lower()).strip("_")


_COUNTRIES: Final[Mapping[str, str]] = {
    _key(word): one.alpha3
    for one in iso3166.countries
    for word in (one.name, one.apolitical_name, one.alpha2, one.alpha3)
}


def country(word: str) -> str | None:
    """Return the ISO 3166 alpha-3 code of a country that goes by its code or its English name there, or None."""
    return _COUNTRIES.get(_key(word))
