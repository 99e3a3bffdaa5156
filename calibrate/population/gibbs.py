"""A population given its knees: exact draws, for all walkers at once.

Notation, for one walker: knee i of N has components `phi_i` (P,) and covariates `x_i` (q,), the first of them 1.
`phi_i ~ N(B' x_i + u_p(i), Sigma)`, and where knees come in pairs `u_p ~ N(0, Sigma_u)` for each person p; else u = 0.

Priors (Huang & Wand 2013, with nu = 2): `Sigma | a ~ IW(nu + P - 1, 2 nu diag(1 / a))`, `a_k ~ IG(1/2, 1 / A_k^2)`.
So each standard deviation is half-t with nu degrees of freedom and scale `A_k`, each correlation uniform on (-1, 1).
Sigma_u has the same. Entries of B are independent and normal.

Conditionals, with `S` the sum of squares of what is normal and n how many there are:

    a_k   | Sigma    ~ IG((nu + P) / 2, nu (Sigma^-1)_kk + 1 / A_k^2)
    Sigma | a, S     ~ IW(nu + P - 1 + n, 2 nu diag(1 / a) + S)
    B     | Sigma    normal, with u integrated out: of the n knees of a person, the mean has covariance
                     Sigma_u + Sigma / n, and what deviates from it Sigma
    u_p   | B, Sigma normal, precision n Sigma^-1 + Sigma_u^-1
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibrate.population.interweave import NU

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Design:
    """What is known of the knees beforehand.

    Attributes
    ----------
    x : ndarray, shape (N, q)
        Covariates, ones first.
    person : ndarray of int, shape (N,), or None
        Whose knee each is, from 0 on; None where no knee has a fellow.
    centre, sd : ndarray, shape (q, P)
        Normal priors of B.
    spread : ndarray, shape (P,)
        Scales of the standard deviations between knees, and between persons.
    strand : ndarray of int, shape (P,)
        Which strand each component is of.
    """

    x: FloatArray
    person: IntArray | None
    centre: FloatArray
    sd: FloatArray
    spread: FloatArray
    strand: IntArray

    @property
    def persons(self) -> int:
        """How many persons there are; 0 where it does not matter."""
        return 0 if self.person is None else int(self.person.max()) + 1


@dataclass(frozen=True)
class Laws:
    """The populations of W walkers.

    Attributes
    ----------
    b : ndarray, shape (W, q, P)
        Effects of the covariates.
    sigma : ndarray, shape (W, P, P)
        Covariance between knees, of a person where they come in pairs.
    u : ndarray, shape (W, persons, P)
        The persons' own.
    sigma_u : ndarray, shape (W, P, P)
        Covariance between persons; identity where it does not matter.
    """

    b: FloatArray
    sigma: FloatArray
    u: FloatArray
    sigma_u: FloatArray

    def means(self, design: Design) -> FloatArray:
        """Return what each knee's components scatter about, (N, W, P)."""
        fixed = np.ascontiguousarray(np.tensordot(design.x, self.b, (1, 1)))
        return fixed if design.person is None else fixed + self.persons(design)

    def persons(self, design: Design) -> FloatArray:
        """Return each knee's person's own, (N, W, P)."""
        return np.ascontiguousarray(self.u.transpose(1, 0, 2)[design.person])

    def some(self, which: IntArray) -> Laws:
        """Return the populations of some walkers."""
        return Laws(self.b[which], self.sigma[which], self.u[which], self.sigma_u[which])

    def put(self, which: IntArray, others: Laws, yes: NDArray[np.bool_]) -> Laws:
        """Return these with those of some walkers replaced, where `yes`."""
        out = [np.array(values) for values in (self.b, self.sigma, self.u, self.sigma_u)]
        at = which[yes]
        for mine, theirs in zip(out, (others.b, others.sigma, others.u, others.sigma_u), strict=True):
            mine[at] = theirs[yes]
        return Laws(*out)


def inverse(sigma: FloatArray) -> FloatArray:
    """Return the inverses of covariances (W, P, P)."""
    return np.asarray(np.linalg.inv(sigma))


def roots(sigma: FloatArray) -> FloatArray:
    """Return the lower triangular matrices (W, P, P) that make covariances the identity."""
    return np.linalg.inv(np.linalg.cholesky(sigma))


def first_laws(design: Design, walkers: int) -> Laws:
    """Return populations as they are thought to be, to begin with."""
    sigma = np.tile(np.diag(design.spread**2), (walkers, 1, 1))
    b = np.tile(design.centre, (walkers, 1, 1))
    return Laws(b, sigma, np.zeros((walkers, design.persons, len(design.spread))), sigma.copy())


def drawn(rng: np.random.Generator, design: Design, laws: Laws, phi: FloatArray) -> Laws:
    """Draw populations given their knees' components phi (N, W, P): B and u, then Sigma, then Sigma_u."""
    laws = _effects(rng, design, laws, phi)
    rest = phi - laws.means(design)
    sigma = _covariance(rng, laws.sigma, rest.transpose(1, 0, 2), design.spread)
    sigma_u = laws.sigma_u if design.person is None else _covariance(rng, laws.sigma_u, laws.u, design.spread)
    return replace(laws, sigma=sigma, sigma_u=sigma_u)


def _covariance(rng: np.random.Generator, sigma: FloatArray, rest: FloatArray, spread: FloatArray) -> FloatArray:
    """Draw covariances given what is normal with them, (W, n, P); Huang & Wand's auxiliary numbers come first."""
    walkers, n, size = rest.shape
    precision = np.diagonal(inverse(sigma), axis1=1, axis2=2)
    inverse_a = rng.standard_gamma(0.5 * (NU + size), (walkers, size)) / (NU * precision + spread**-2.0)
    scatter = rest.transpose(0, 2, 1) @ rest
    scatter[:, range(size), range(size)] += 2.0 * NU * inverse_a
    # Bartlett: the precision is Wishart, R^-T A A' R^-1 with R the scatter's root.
    root = np.linalg.cholesky(scatter)
    a = np.tril(rng.standard_normal((walkers, size, size)), -1)
    a[:, range(size), range(size)] = np.sqrt(rng.chisquare(NU + size - 1.0 + n - np.arange(size), (walkers, size)))
    half = root @ np.linalg.inv(a).transpose(0, 2, 1)
    return half @ half.transpose(0, 2, 1)


def _effects(rng: np.random.Generator, design: Design, laws: Laws, phi: FloatArray) -> Laws:
    """Draw B with the persons integrated out, then the persons."""
    x, person = design.x, design.person
    walkers, q, size = laws.b.shape
    own = inverse(laws.sigma)
    precision = np.tile(np.diag(design.sd.ravel() ** -2.0), (walkers, 1, 1))
    target = np.tile((design.centre / design.sd**2).ravel(), (walkers, 1))
    # What knees of one person have in common, and what not, by how many knees a person has.
    for counted, some_x, some_phi, times in _parts(x, phi, person):
        within = own if counted is None else inverse(laws.sigma + counted * laws.sigma_u)
        precision += times * np.einsum("ij,wkl->wikjl", some_x.T @ some_x, within).reshape(walkers, q * size, -1)
        product = np.tensordot(some_x, some_phi, (0, 0))  # (q, W, P)
        target += times * np.einsum("iwk,wkl->wil", product, within).reshape(walkers, -1)
    b = _normal(rng, precision, target).reshape(walkers, q, size)
    if person is None:
        return replace(laws, b=b)
    counts = np.bincount(person)
    rest = phi - np.tensordot(x, b, (1, 1))
    sums = np.zeros((len(counts), walkers, size))
    np.add.at(sums, person, rest)
    theirs = inverse(laws.sigma_u)
    every = counts[np.newaxis, :, np.newaxis, np.newaxis] * own[:, np.newaxis] + theirs[:, np.newaxis]
    wanted = np.einsum("pwk,wkl->wpl", sums, own)
    u = _normal(rng, every.reshape(-1, size, size), wanted.reshape(-1, size)).reshape(walkers, -1, size)
    return replace(laws, b=b, u=u)


def _parts(
    x: FloatArray, phi: FloatArray, person: IntArray | None
) -> list[tuple[float | None, FloatArray, FloatArray, float]]:
    """Return rows of covariates and components whose covariance is `Sigma + n Sigma_u`, n None for nought.

    Of a person's n knees: the deviations from their mean, and the mean, which counts n times.
    """
    if person is None:
        return [(None, x, phi, 1.0)]
    counts = np.bincount(person)
    mean_x = np.zeros((len(counts), x.shape[1]))
    mean_phi = np.zeros((len(counts), *phi.shape[1:]))
    np.add.at(mean_x, person, x)
    np.add.at(mean_phi, person, phi)
    mean_x /= counts[:, np.newaxis]
    mean_phi /= counts[:, np.newaxis, np.newaxis]
    parts: list[tuple[float | None, FloatArray, FloatArray, float]] = [
        (None, x - mean_x[person], phi - mean_phi[person], 1.0)
    ]
    return parts + [(n, mean_x[counts == n], mean_phi[counts == n], n) for n in np.unique(counts).astype(float)]


def _normal(rng: np.random.Generator, precision: FloatArray, target: FloatArray) -> FloatArray:
    """Draw normals (n, m) with precision matrices (n, m, m) and means `precision^-1 target`."""
    root = np.linalg.inv(np.linalg.cholesky(precision))
    white = root @ target[..., np.newaxis] + rng.standard_normal((*target.shape, 1))
    return np.asarray((root.transpose(0, 2, 1) @ white)[..., 0])
