"""A prior made of knees: predictive draws of a new knee, summed up as a family for each parameter, and as a file.

Independent families leave two things out, and the file says both: how badly a family fits the predictive draws, and how
the parameters go together over the knees.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrate import __version__
from calibrate.config.knees import FORMAT, POOR, VERSION, Fitted, KneesPrior, Origin, Together
from calibrate.errors import ConfigError
from calibrate.population.draws import PopulationDraws
from calibrate.population.shrinkage import natural, parameter_of
from calibrate.problem.quantities import quantity_of
from calibrate.texts import printable

FloatArray = NDArray[np.float64]
# Where quantiles are compared: the central 95 %, evenly. Beyond, a prediction from few knees has tails of its own.
_SHARES = np.linspace(0.025, 0.975, 39)
# Fewer predictive draws than this do not tell a family's fit from chance.
FEWEST_DRAWS = 400
# Those that are taken of a population.
PREDICTIVE = 20_000


def prior_of(
    draws: PopulationDraws,
    given: Mapping[str, str | float] | None = None,
    seed: int = 1,
    **origin: Any,
) -> KneesPrior:
    """Return the prior that a population makes for a knee that is not in it.

    Parameters
    ----------
    draws : PopulationDraws
        The population.
    given : mapping, optional
        Covariates of the new knee: all that the population has.
    seed : int
        Of the predictive draws.
    **origin
        What else its file says of itself: `study`, `source`, `sha256`, see `calibrate.config.knees.Origin`.

    Raises
    ------
    ConfigError
        If the population has not converged, a covariate is missing, or the draws make no prior.
    """
    if not draws.converged:
        raise ConfigError(f"the population has not converged ({draws.verdict.sentence}), so it makes no prior")
    population = draws.population
    phi = draws.new_knee(PREDICTIVE, np.random.default_rng(seed), given)
    made = Origin(
        knees=len(population.ids),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        calibrate=__version__,
        seed=seed,
        draws=PREDICTIVE,
        given=dict(given or {}),
        outside=population.outside(given or {}),
        **origin,
    )
    found = {parameter_of(one): natural(one, column) for one, column in zip(population.components, phi.T, strict=True)}
    return fit(found, made)


def fit(draws: Mapping[str, FloatArray], origin: Origin) -> KneesPrior:
    """Sum predictive draws of a new knee's parameters up as one family each.

    A family's two numbers are those whose quantiles come nearest to those of the draws between 2.5 and 97.5 %, by least
    squares; a moment would be ruled by the far tails, which a prediction from few knees has. Then its spread is raised,
    if need be, until its central 95 % holds that of the draws: a prior that is too sure does more harm than one that is
    too wide. What has to be positive is log-normal or, where that fits better, normal; stiffnesses are log-normal
    always.

    Parameters
    ----------
    draws : mapping of str to ndarray, shape (n,)
        By the parameters' names in a configuration, in their units; all of the same n draws.
    origin : Origin
        What they were made from.

    Raises
    ------
    ConfigError
        If there are too few draws, or they do not spread.
    """
    fitted = {name: _best(name, np.asarray(values, dtype=np.float64)) for name, values in draws.items()}
    ranks = {name: np.argsort(np.argsort(values)).astype(np.float64) for name, values in draws.items()}
    pairs = [
        Together(between=(one, other), r=float(np.clip(np.corrcoef(ranks[one], ranks[other])[0, 1], -1.0, 1.0)))
        for one, other in combinations(draws, 2)
    ]
    return KneesPrior(format=FORMAT, version=VERSION, made=origin, priors=fitted, correlations=tuple(pairs))


def _best(name: str, values: FloatArray) -> Fitted:
    """Return the family of a parameter that fits its draws best, of those that it may have."""
    if values.size < FEWEST_DRAWS:
        raise ConfigError(
            f"{name}: {values.size} predictive draws are too few for a prior; take {FEWEST_DRAWS} or more"
        )
    positive = quantity_of(name).positive
    # Quantiles that are draws themselves: of a wide prediction, the last ones may be infinite.
    quantiles = np.quantile(values, _SHARES, method="inverted_cdf")
    if not (np.isfinite(quantiles).all() and (not positive or quantiles[0] > 0.0)):
        raise ConfigError(
            f"{name}: the predictive draws are too wide for a prior; the knees do not say how they differ"
        )
    options = []
    if positive:
        options.append(_family(name, "log-normal", quantiles))
    if not positive or not name.endswith(".k"):
        options.append(_family(name, "normal", quantiles))
    return min(options, key=lambda one: one.misfit)


def _family(name: str, family: str, quantiles: FloatArray) -> Fitted:
    """Return the family with the nearest quantiles and a central 95 % as wide as theirs, and by how much it misses."""
    from scipy.special import ndtri

    at = ndtri(_SHARES)
    wanted = np.log(quantiles) if family == "log-normal" else quantiles
    scale, middle = (float(one) for one in np.polyfit(at, wanted, 1))
    scale = max(scale, float(((wanted - middle)[[0, -1]] / at[[0, -1]]).max()))
    if not scale > 1e-9 * max(abs(middle), 1e-9):
        raise ConfigError(f"{name}: the predictive draws do not spread; a prior has to")
    misfit = float(np.max(np.abs(wanted - middle - scale * at))) / scale
    unit = quantity_of(name).unit
    if family == "normal":
        return Fitted(family="normal", mean=middle, sd=scale, unit=unit, misfit=misfit)
    return Fitted(
        family="log-normal", median=float(np.exp(middle)), factor=float(np.exp(scale)), unit=unit, misfit=misfit
    )


def poor(prior: KneesPrior) -> Iterator[str]:
    """Yield a sentence for each parameter whose family fits the prediction poorly."""
    for name, one in prior.priors.items():
        if one.misfit > POOR:
            yield (
                f"{name}: no family of priors fits the prediction well: quantiles of the {one.family} one are off by "
                f"{one.misfit:.2f} of its standard deviations, though its central 95 % holds the prediction's"
            )


def outside(prior: KneesPrior) -> Iterator[str]:
    """Yield a sentence for each covariate of the new knee that lies outside the study's knees."""
    for name, (low, high) in prior.made.outside.items():
        yield (
            f"{name} = {prior.made.given[name]:g} lies outside the study's knees, {low:g} to {high:g}: that its effect "
            "is a straight line as far as that is taken for granted"
        )


def text_of(prior: KneesPrior) -> str:
    """Return the file of a prior made of knees: TOML, which `calibrate.config.knees.read_knees` reads."""
    return "\n".join(_lines(prior)) + "\n"


def _lines(prior: KneesPrior) -> Iterator[str]:
    one = next(iter(prior.priors))
    yield "# A prior made of knees: what a new knee is, after those of a study. In a configuration:"
    yield f'#     {one.rpartition(".")[2]} = {{ knees = "THIS FILE" }}'
    yield f"format = {_toml(prior.format)}"
    yield f"version = {prior.version}"
    yield ""
    yield "[made]"
    for key, value in prior.made.model_dump(exclude_none=True).items():
        if value not in ("", {}):
            yield f"{key} = {_toml(value)}"
    yield ""
    for sentence in outside(prior):
        yield f"# Outside: {printable(sentence)}."
    yield "# A family's central 95 % holds that of the predictive draws: its spread was raised where it did not."
    yield "# misfit: how far a family's quantiles are from those of the predictive draws, at the most and in its sd."
    for sentence in poor(prior):
        yield f"# Poor: {printable(sentence)}."
    for name, fitted in prior.priors.items():
        yield f"[priors.{_toml(name)}]"
        yield from (
            f"{key} = {_toml(value)}" for key, value in fitted.model_dump(exclude_none=True).items() if value != ""
        )
        yield ""
    if prior.correlations:
        yield "# Priors of single parameters leave out how these go together over the knees (correlation of ranks)."
    for pair in prior.correlations:
        yield "[[correlations]]"
        yield f"between = {_toml(list(pair.between))}"
        yield f"r = {_toml(pair.r)}"


def _toml(value: Any) -> str:
    """Return a value as TOML has it."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_toml(str(key))} = {_toml(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(inner) for inner in value) + "]"
    # JSON's texts are TOML's, but for the letter of deletion; its numbers are, to the last digit.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
