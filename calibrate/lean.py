"""emcee, imported without the second that it takes to load `scipy.stats` for its KDE move, which no run uses.

Whoever wants that move in the same process still has it: its density estimate is then imported when it is called.
"""

from __future__ import annotations

import sys
from typing import Any

if "emcee" not in sys.modules and "scipy.stats" not in sys.modules:
    sys.modules["scipy.stats"] = None  # type: ignore[assignment]  # Python's way to say: this import fails
    try:
        import emcee
        from emcee.moves import kde
    finally:
        del sys.modules["scipy.stats"]

    def _gaussian_kde(*arguments: Any, **settings: Any) -> Any:
        from scipy.stats import gaussian_kde

        return gaussian_kde(*arguments, **settings)

    kde.gaussian_kde = _gaussian_kde
else:
    import emcee

__all__ = ["emcee"]
