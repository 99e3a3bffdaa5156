"""The bundled examples: where they lie in an installed package, and in a checkout."""

from __future__ import annotations

from pathlib import Path

from calibrate.errors import ConfigError


def example(name: str) -> Path:
    """Return the path of a bundled file, like "oks009.toml" or "simulated.toml".

    Raises
    ------
    ConfigError
        If there is no such example.
    """
    package = Path(__file__).parent
    for folder in (package / "bundled", package.parent / "data"):
        if (folder / name).is_file():
            return folder / name
    raise ConfigError(f"no bundled example is called '{name}'")
