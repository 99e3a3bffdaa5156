"""The knees of a population as compiled code takes them: components first, then each knee's other parameters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numba.typed import List
from numpy.typing import NDArray

from calibrate.density import KIND, LOWER, POSITIVE, UPPER, Density
from calibrate.errors import ConfigError
from calibrate.knee.pair import Pair
from calibrate.knee.slots import General
from calibrate.population.components import SLACK, Component, columns_of
from calibrate.posterior import Posterior
from calibrate.problem.build import general_of

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class Forms(NamedTuple):
    """N knees of at most D free parameters, the first P of which are the components.

    Attributes
    ----------
    densities : typed list of Density
        One a knee, all of one type; free parameters in the order of the coordinates. Of the priors, only those of
        parameters that are no components are in them.
    dims : ndarray of int, shape (N,)
        How many free parameters each has.
    kinds : ndarray of int, shape (N, P)
        How a component becomes a parameter: `SAME`, `LOG`, `LOGIT`, `SLACK`.
    references : ndarray, shape (N, P)
        The reference length [mm] of a slack length.
    bends : ndarray of int, shape (B, 3)
        Of each strand whose transition strain is a component: where that is, its stiffness and its reference strain; -1
        where these are none. See `calibrate.population.standard`.
    groups : ndarray of int, shape (N, G, D)
        Coordinates that kernel proposals move together, padded.
    sizes : ndarray of int, shape (N, G)
        How many each group has; 0 for one that a knee lacks.
    """

    densities: Any
    dims: IntArray
    kinds: IntArray
    references: FloatArray
    bends: IntArray
    groups: IntArray
    sizes: IntArray


def forms_of(names: Sequence[str], posteriors: Sequence[Posterior], components: Sequence[Component]) -> Forms:
    """Put knees into the form of compiled code.

    Parameters
    ----------
    names : sequence of str
        The knees', for complaints.
    posteriors : sequence of Posterior
        The knees.
    components : sequence of Component
        All of them free in every knee.

    Raises
    ------
    ConfigError
        If a slack length that a component follows from is shared by strands.
    """
    columns = [columns_of(posterior, components) for posterior in posteriors]
    alike = _alike(posteriors)
    count = len(components)
    kinds = np.tile([one.transform for one in components], (len(posteriors), 1))
    references = np.zeros(kinds.shape)
    densities = List()
    for i, (posterior, density, order) in enumerate(zip(posteriors, alike, columns, strict=True)):
        prior = density.prior[[*order, posterior.ndim]]
        prior[:count] = 0.0
        prior[:count, LOWER], prior[:count, UPPER] = -np.inf, np.inf
        # In the last row: whether any prior is not uniform, the penalty's weight, and what normalises all.
        constants = [posterior.priors[column].row()[3] for column in order[count:]]
        prior[-1, :3] = prior[:-1, KIND].any(), posterior.weight, math.fsum(constants)
        assert not prior[:count, POSITIVE].any()
        knee: Any = density.knee
        slack = [(c, one) for c, one in enumerate(components) if posterior.names[order[c]].endswith("l_0")]
        if isinstance(knee, General):
            for _, one in slack:
                knee = _by_strain(knee, posterior, one, names[i])
        else:
            lengths = posterior.reference_lengths(posterior.full(posterior.middle))[0]
            for c, one in slack:
                kinds[i, c], references[i, c] = SLACK, lengths[posterior.strands.index(one.strand)]
        densities.append(Density(prior, density.template, density.columns[order], knee))
    groups, sizes = _groups(posteriors, columns)
    dims = np.array([posterior.ndim for posterior in posteriors], dtype=np.int64)
    return Forms(densities, dims, kinds.astype(np.int64), references, _bends(components), groups, sizes)


def _bends(components: Sequence[Component]) -> IntArray:
    """Return where the transition strain, stiffness and reference strain of strands are."""
    at = {one.name: i for i, one in enumerate(components)}
    found = [
        (i, at.get(f"{one.strand}.log_k", -1), at.get(f"{one.strand}.reference_strain", -1))
        for i, one in enumerate(components)
        if one.key in ("log_alpha", "logit_alpha")
    ]
    return np.array([bend for bend in found if max(bend[1:]) >= 0], dtype=np.int64).reshape(-1, 3)


def _alike(posteriors: Sequence[Posterior]) -> list[Density]:
    """Return the knees' densities, all of one type: the general one if they are not all pairs."""
    found = [posterior.density for posterior in posteriors]
    pairs = [density.knee for density in found if isinstance(density.knee, Pair)]
    if len(pairs) == len(found):
        if all(pair.sums for pair in pairs):
            return found
        return [d._replace(knee=pair._replace(sums=())) for d, pair in zip(found, pairs, strict=True)]
    return [
        _general(posterior) if isinstance(density.knee, Pair) else density
        for posterior, density in zip(posteriors, found, strict=True)
    ]


def _general(posterior: Posterior) -> Density:
    """Return the density of a pair in the general form."""
    full = posterior.full(posterior.middle)[0]
    table = posterior.table
    template = full.copy()
    template[table.columns] = np.nan
    knee = general_of(posterior.tests, table, posterior.reference, full)
    return Density(posterior.density.prior, template, table.columns, knee)


def _by_strain(knee: General, posterior: Posterior, one: Component, name: str) -> General:
    """Return a knee that takes a reference strain in the place of a slack length."""
    s, row = posterior.strands.index(one.strand), posterior.table.index(f"{one.strand}.l_0")
    tests, strands = knee.strain.shape
    theirs = knee.at[:tests, 2 : 4 * strands : 4] == row
    if np.delete(theirs, s, axis=1).any():
        raise ConfigError(
            f"knee {name}: {one.strand}.l_0 is the slack length of other strands as well, so {one.name} cannot be "
            "normal over knees by itself; leave it out of the components"
        )
    strain = knee.strain.copy()
    strain[theirs[:, s], s] = True
    return knee._replace(strain=strain, any_strain=True)


def _groups(posteriors: Sequence[Posterior], columns: Sequence[Sequence[int]]) -> tuple[IntArray, IntArray]:
    """Return which coordinates of each knee kernel proposals move together."""
    found = []
    for posterior, order in zip(posteriors, columns, strict=True):
        place = {column: z for z, column in enumerate(order)}
        found.append([[place[column] for column in group] for group in posterior.table.groups()])
    most = max(len(groups) for groups in found)
    padded = np.zeros((len(found), most, max(p.ndim for p in posteriors)), dtype=np.int64)
    sizes = np.zeros((len(found), most), dtype=np.int64)
    for i, groups in enumerate(found):
        for g, group in enumerate(groups):
            padded[i, g, : len(group)], sizes[i, g] = group, len(group)
    return padded, sizes
