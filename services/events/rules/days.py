"""How far clocks may differ."""

from datetime import timedelta
from typing import Final

CLOCKS_DIFFER: Final = timedelta(hours=1)  # an organisation's clock may be that far ahead of this service's
