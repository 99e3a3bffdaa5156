"""What a population's covariates and pairs cannot be meant to be, before it is sampled.

Files of populations are opened without these questions, so that those that were written before can still be read.
"""

from __future__ import annotations

from calibrate.errors import ConfigError
from calibrate.population.model import Population

# Numbers are whole and apart up to here; beyond 2^53 they are rounded.
_WHOLE = 1e15


def check(population: Population) -> None:
    """Refuse what can be sampled, but cannot be meant.

    Raises
    ------
    ConfigError
        Names the knee and what it says, and what would be right.
    """
    if population.pairs:
        _check_persons(population, population.pairs)


def _check_persons(population: Population, pairs: str) -> None:
    for member in population.members:
        value = member.covariates[pairs]
        if not isinstance(value, str) and abs(value) >= _WHOLE:
            raise ConfigError(
                f"knee {member.id}: {pairs} = {value:.0f}: a number of so many digits has been rounded; of a manifest, "
                "'calibrate cohort --resume' keeps it as text"
            )
