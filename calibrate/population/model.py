"""The joint posterior over the knees of a study: which knees, which components, which covariates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from calibrate.errors import ConfigError
from calibrate.population.components import Component, Scale, default_components
from calibrate.population.covariates import covariate_of, word_of
from calibrate.population.forms import Forms, forms_of
from calibrate.population.gibbs import Design
from calibrate.posterior import Posterior
from calibrate.study.knees import Study

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Member:
    """A knee of a population.

    Attributes
    ----------
    id : str
        Its name in the study.
    posterior : Posterior
        Its own data and parameters.
    covariates : mapping of str to str or float
        What is known of it besides.
    """

    id: str
    posterior: Posterior
    covariates: Mapping[str, str | float] = field(default_factory=dict)


class Population:
    """A joint posterior: each knee's data, and a normal law of the knees' components.

    `phi_i ~ N(B' x_i + u_p(i), Sigma)`, see docs/population.md. Priors that the knees' configurations give to
    components are not part of it, nor are bounds of these; all other parameters keep theirs.

    Parameters
    ----------
    study : Study or iterable of Member
        The knees; of a study, data are read.
    components : sequence of str, optional
        `mcl.log_k` and so on; by default `log_k`, `log_alpha` and `reference_strain` of all strands, as far as they are
        free in all knees.
    covariates : sequence of str
        Which of the knees' covariates to regress on.
    pairs : str, optional
        The covariate that says whose knee it is; knees of one person then have something in common.
    scales : mapping of str to Scale
        What is thought of some components beforehand, in the place of `Component.scale`.

    Raises
    ------
    ConfigError
        If there are too few knees, or one lacks a component or a covariate.
    """

    def __init__(
        self,
        study: Study | Iterable[Member],
        components: Sequence[str] | None = None,
        covariates: Sequence[str] = (),
        pairs: str | None = None,
        scales: Mapping[str, Scale] | None = None,
    ) -> None:
        self.members = members_of(study)
        if len(self.members) < 2:
            raise ConfigError(f"a population of {len(self.members)} knee: two at the least are wanted")
        self.ids = tuple(member.id for member in self.members)
        if len(set(self.ids)) < len(self.ids):
            twice = next(name for name in self.ids if self.ids.count(name) > 1)
            raise ConfigError(f"two knees are called {twice}; give each a name of its own")
        self.posteriors = tuple(member.posterior for member in self.members)
        self.components = (
            default_components(self.posteriors)
            if components is None
            else tuple(Component(name) for name in dict.fromkeys(components))
        )
        self._check_components()
        self.covariates = tuple(
            covariate_of(name, {member.id: member.covariates for member in self.members})
            for name in dict.fromkeys(covariates)
        )
        self.pairs = pairs
        self.scales = {one.name: Scale(*(scales or {}).get(one.name, one.scale)) for one in self.components}
        self.design = self._design()
        self.forms: Forms = forms_of(self.ids, self.posteriors, self.components)

    @property
    def names(self) -> tuple[str, ...]:
        """The population's parameters: of each component mean, effects and standard deviation, then correlations."""
        labels = ["mean", *(label for covariate in self.covariates for label in covariate.labels), "sd"]
        labels += ["person_sd"] if self.pairs else []
        names = [f"population.{one.name}.{label}" for one in self.components for label in labels]
        for kind in ["corr", *(["person_corr"] if self.pairs else [])]:
            names += [f"population.{kind}({a.name}, {b.name})" for a, b in self._twos()]
        return tuple(names)

    def row(self, covariates: Mapping[str, str | float]) -> FloatArray:
        """Return a knee's covariates as the design has them, (q,).

        Raises
        ------
        ConfigError
            If one is missing, has no meaning, or lies too far outside the study's range.
        """
        row = [1.0]
        for one in self.covariates:
            if one.name not in covariates:
                raise ConfigError(f"{one.name} is a covariate of this population: say what it is for the knee")
            row += one.row(covariates[one.name])
        return np.array(row)

    def outside(self, covariates: Mapping[str, str | float]) -> dict[str, tuple[float, float]]:
        """Return the study's range of each covariate that lies outside it."""
        return {
            one.name: (one.low, one.high)
            for one in self.covariates
            if one.name in covariates and one.is_outside(covariates[one.name])
        }

    def index(self, name: str) -> int:
        """Return a knee's number.

        Raises
        ------
        ConfigError
            If there is none of that name.
        """
        if name not in self.ids:
            raise ConfigError(f"no knee is called '{name}'")
        return self.ids.index(name)

    def _twos(self) -> list[tuple[Component, Component]]:
        return [(a, b) for i, a in enumerate(self.components) for b in self.components[i + 1 :]]

    def _check_components(self) -> None:
        used: dict[str, str] = {}
        for one in self.components:
            for member in self.members:
                name = one.parameter(member.posterior)
                if name is None:
                    raise ConfigError(
                        f"knee {member.id}: {one.name} is a component, and nothing that it follows from is free there"
                    )
                if used.setdefault(name, one.name) != one.name:
                    raise ConfigError(f"{used[name]} and {one.name} are one parameter, {name}; choose one of them")

    def _design(self) -> Design:
        x = np.array([self.row(member.covariates) for member in self.members])
        scales = [self.scales[one.name] for one in self.components]
        centre, sd = np.zeros((x.shape[1], len(scales))), np.empty((x.shape[1], len(scales)))
        centre[0], sd[0] = [scale.centre for scale in scales], [scale.sd for scale in scales]
        sd[1:] = [scale.effect for scale in scales]
        person = None
        if self.pairs:
            if lacking := [m.id for m in self.members if m.covariates.get(self.pairs, "") == ""]:
                raise ConfigError(f"knee {lacking[0]}: '{self.pairs}' does not say whose knee it is")
            persons, person = np.unique([word_of(m.covariates[self.pairs]) for m in self.members], return_inverse=True)
            if len(persons) == len(self.members):
                raise ConfigError(f"{self.pairs}: each knee is of another person, so there are no pairs")
            if len(persons) == 1:
                raise ConfigError(f"{self.pairs}: all knees are of one person, which is no population of persons")
        strands = list(dict.fromkeys(one.strand for one in self.components))
        strand = np.array([strands.index(one.strand) for one in self.components])
        return Design(x, person, centre, sd, np.array([scale.spread for scale in scales]), strand)


def members_of(study: Study | Iterable[Member]) -> tuple[Member, ...]:
    """Return the knees of a study, their data read.

    Raises
    ------
    CalibrateError
        If a configuration or data cannot be used.
    """
    if isinstance(study, Study):
        return tuple(Member(knee.id, knee.posterior(), knee.covariates) for knee in study.knees)
    return tuple(study)
