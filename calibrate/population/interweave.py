"""Moves of a population together with all its knees, at fixed standardised knees (Yu & Meng 2011).

Given its knees, a population of few or ill-known knees hardly moves: knees are drawn towards it, and it to them. So it
is also moved with `eta_i = L^-1 (phi_i - m_i)` held, where `m_i = B' x_i + u_p(i)` and `L` is the root of Sigma:

- shift: `B -> B + d`, so `phi_i -> phi_i + d' x_i`;
- spread: `Sigma -> G Sigma G` with `G = diag(exp(s))`, so `phi_i -> m_i + G (phi_i - m_i)`;
- shear: the same with `G = 1 + c e_k e_l'`, which changes correlations.

Where there are persons, Sigma_u and u are spread and sheared as well; their knees are shifted along.

In coordinates (B, Sigma, eta) the density is `p(B) p(Sigma) prod N(eta_i; 0, 1) L_i(phi_i)`. So a move is accepted with
the ratio of the priors times that of the knees' likelihoods, times the Jacobian of `Sigma -> G Sigma G'`, which is
`|det G|^(P + 1)`: 1 for a shear, `exp((P + 1) sum s)` for a spread. Of `p(Sigma)`, Huang & Wand's auxiliary numbers are
integrated out; who needs these draws them anew from Sigma:

    p(Sigma) ~ |Sigma|^-(nu + 2 P) / 2  prod_k (nu (Sigma^-1)_kk + 1 / A_k^2)^-(nu + P) / 2

Steps `d`, `s` and `c` are differences between two populations of the other half of the walkers, times a factor: so they
fit the posterior's shape, and a step is as probable as its reverse (ter Braak 2006).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from calibrate.population.gibbs import NU, Design, Laws

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Heights = Callable[[FloatArray], FloatArray]

# Factors of the steps, against 2.38 / sqrt(2 d) for d numbers at once: evenly drawn on a logarithmic scale.
_SHORTEST, _LONGEST = 0.1, 1.4


def log_prior(design: Design, laws: Laws) -> FloatArray:
    """Return the log-density of populations' B, Sigma and Sigma_u, without its constant, (W,)."""
    apart = (((laws.b - design.centre) / design.sd) ** 2).sum(axis=(1, 2))
    value: FloatArray = -0.5 * apart + _log_covariance(laws.sigma, design.spread)
    return value if design.person is None else value + _log_covariance(laws.sigma_u, design.spread)


def _log_covariance(sigma: FloatArray, spread: FloatArray) -> FloatArray:
    size = len(spread)
    precision = np.diagonal(np.linalg.inv(sigma), axis1=1, axis2=2)
    logs = np.log(NU * precision + spread**-2.0).sum(axis=1)
    return np.asarray(-0.5 * (NU + 2.0 * size) * np.linalg.slogdet(sigma)[1] - 0.5 * (NU + size) * logs)


Proposal = Callable[[np.random.Generator, Laws, Laws, Laws], tuple[Laws, FloatArray]]


def _factors(rng: np.random.Generator, walkers: int, dims: int) -> FloatArray:
    low, high = np.log(_SHORTEST), np.log(_LONGEST)
    return np.asarray(2.38 / np.sqrt(2.0 * dims) * np.exp(rng.uniform(low, high, walkers)))


def _which(rng: np.random.Generator, walkers: int, size: int, one: bool) -> FloatArray:
    """Return which components take part, (walkers, size): all, or one each."""
    return np.eye(size)[rng.integers(size, size=walkers)] if one else np.ones((walkers, size))


def _log_sds(sigma: FloatArray) -> FloatArray:
    return np.asarray(0.5 * np.log(np.diagonal(sigma, axis1=1, axis2=2)))


def _shifted(rng: np.random.Generator, mine: Laws, a: Laws, b: Laws, *, one: bool) -> tuple[Laws, FloatArray]:
    """Shift all of B, or one component's column."""
    walkers, q, size = mine.b.shape
    factor = _factors(rng, walkers, q if one else q * size)[:, np.newaxis, np.newaxis]
    step = factor * (a.b - b.b) * _which(rng, walkers, size, one)[:, np.newaxis]
    return replace(mine, b=mine.b + step), np.zeros(walkers)


def _grown(
    rng: np.random.Generator, sigma: FloatArray, a: FloatArray, b: FloatArray, *, one: bool
) -> tuple[FloatArray, FloatArray]:
    """Return matrices G of a spread, and the logarithm of the Jacobian."""
    walkers, size, _ = sigma.shape
    factor = _factors(rng, walkers, 1 if one else size)[:, np.newaxis]
    s = factor * (_log_sds(a) - _log_sds(b)) * _which(rng, walkers, size, one)
    return np.exp(s)[:, :, np.newaxis] * np.eye(size), spread_jacobian(s)


def spread_jacobian(s: FloatArray) -> FloatArray:
    """Return the logarithm of the Jacobian of `Sigma -> G Sigma G` with `G = diag(exp(s))`, (W,), for s (W, P)."""
    return np.asarray((s.shape[1] + 1.0) * s.sum(axis=1))


def _sheared(
    rng: np.random.Generator, sigma: FloatArray, a: FloatArray, b: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return matrices G of a shear; its Jacobian is 1."""
    walkers, size, _ = sigma.shape
    k = rng.integers(size, size=walkers)
    other = (k + 1 + rng.integers(size - 1, size=walkers)) % size
    every = np.arange(walkers)
    slope_a, slope_b = (x[every, k, other] / x[every, other, other] for x in (a, b))
    g = np.tile(np.eye(size), (walkers, 1, 1))
    g[every, k, other] = _factors(rng, walkers, 1) * (slope_a - slope_b)
    return g, np.zeros(walkers)


def interweave(
    rng: np.random.Generator,
    design: Design,
    laws: Laws,
    z: FloatArray,
    height: FloatArray,
    heights: Heights,
    order: IntArray,
) -> tuple[Laws, IntArray]:
    """Make each kind of move once for each walker; knees change in place.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws the moves.
    design : Design
        Covariates, persons and priors.
    laws : Laws
        The populations of W walkers.
    z, height : ndarray, shapes (N, W, D) and (N, W)
        The knees, components first, and what their own data and priors say of them.
    heights : callable
        Returns that for other coordinates.
    order : ndarray of int, shape (W,)
        Its first half is moved first.

    Returns
    -------
    laws : Laws
        The populations then.
    taken : ndarray of int
        How many walkers took each of the moves.
    """
    size = len(design.spread)
    kinds = ["shift", "shift one", "spread", "spread one"] if size > 1 else ["shift", "spread"]
    kinds += ["shear"] if size > 1 else []
    if design.person is not None:
        kinds += [f"{kind} persons" for kind in kinds if not kind.startswith("shift")]
    half = len(order) // 2
    taken = np.zeros(len(kinds), dtype=np.int64)
    for number, kind in enumerate(kinds):
        for moving, others in ((order[:half], order[half:]), (order[half:], order[:half])):
            first = rng.integers(half, size=half)
            second = (first + 1 + rng.integers(half - 1, size=half)) % half
            mine, a, b = (laws.some(which) for which in (moving, others[first], others[second]))
            here = z[:, moving]
            new, there, jacobian = _proposed(rng, design, kind, mine, a, b, here)
            raised = heights(there)
            gain = (raised - height[:, moving]).sum(axis=0)
            gain += log_prior(design, new) - log_prior(design, mine) + jacobian
            yes = gain > np.log(rng.random(half))
            laws = laws.put(moving, new, yes)
            z[:, moving[yes]], height[:, moving[yes]] = there[:, yes], raised[:, yes]
            taken[number] += int(yes.sum())
    return laws, taken


def _proposed(
    rng: np.random.Generator, design: Design, kind: str, mine: Laws, a: Laws, b: Laws, here: FloatArray
) -> tuple[Laws, FloatArray, FloatArray]:
    """Return populations and knees that a move proposes, and the logarithm of the Jacobian."""
    size = len(design.spread)
    there = here.copy()
    if kind.startswith("shift"):
        new, jacobian = _shifted(rng, mine, a, b, one=kind.endswith("one"))
        there[..., :size] += np.tensordot(design.x, new.b - mine.b, (1, 1))
        return new, there, jacobian
    of_persons = kind.endswith("persons")
    covariances = [laws.sigma_u if of_persons else laws.sigma for laws in (mine, a, b)]
    if kind.startswith("shear"):
        g, jacobian = _sheared(rng, *covariances)
    else:
        g, jacobian = _grown(rng, *covariances, one="one" in kind)
    sigma = g @ covariances[0] @ g.transpose(0, 2, 1)
    sigma = 0.5 * (sigma + sigma.transpose(0, 2, 1))
    if of_persons:
        new = replace(mine, sigma_u=sigma, u=mine.u @ g.transpose(0, 2, 1))
        there[..., :size] += new.persons(design) - mine.persons(design)
    else:
        new = replace(mine, sigma=sigma)
        rest = here[..., :size] - mine.means(design)
        there[..., :size] += np.einsum("wkl,nwl->nwk", g, rest) - rest
    return new, there, jacobian
