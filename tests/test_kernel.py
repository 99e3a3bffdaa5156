"""The compiled batch evaluator says what NumPy says, row by row, and never NaN or +inf."""

import ast
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
import pytest
from conftest import LENHART, SYMMETRIC, bench_config
from numba.core.errors import TypingError

from calibrate.density import evaluate
from calibrate.knee import jit
from calibrate.knee.cached import CachedKnee
from calibrate.knee.factors import build
from calibrate.knee.kernel import log_likelihood
from calibrate.knee.pair import Pair
from calibrate.posterior import Posterior


def problem(points: int, seed: int = 3) -> tuple[Pair, CachedKnee, np.ndarray]:
    rng = np.random.default_rng(seed)
    geometry = SYMMETRIC if seed % 2 else LENHART
    knee = CachedKnee.build(geometry, np.sort(rng.uniform(-0.15, 0.15, points)), "force", "valgus")
    load = rng.normal(0.0, 20.0, points)
    pair = Pair(knee.kinematics.lengths, knee.coefficients, load, -3.0)
    parameters = rng.uniform([10, 0.02, 80, -9, 10, 0.02, 50, -9], [100, 0.12, 100, 9, 100, 0.12, 66, 9], (64, 8))
    return pair, knee, parameters


@pytest.mark.parametrize("points", [1, 7, 33, 1000])
@pytest.mark.parametrize("seed", [3, 4])
def test_kernel_agrees_with_numpy_broadcasting(points: int, seed: int) -> None:
    pair, knee, parameters = problem(points, seed)
    scale = np.linspace(0.5, 5.0, 64)
    residual = knee.loads(parameters) - pair.load
    expected = -3.0 - points * np.log(scale) - 0.5 * (residual**2).sum(axis=1) / scale**2
    np.testing.assert_allclose(log_likelihood(parameters, scale, pair), expected, rtol=1e-12)


def test_a_batch_equals_its_rows_one_at_a_time() -> None:
    pair, _, parameters = problem(33)
    scale = np.full(64, 2.0)
    batch = log_likelihood(parameters, scale, pair)
    rows = [log_likelihood(parameters[i : i + 1], scale[i : i + 1], pair)[0] for i in range(64)]
    np.testing.assert_array_equal(batch, rows)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.0, -1.0, 1e308])
@pytest.mark.parametrize("column", [0, 1, 2, 4, 5, 6])
def test_meaningless_parameters_are_impossible(value: float, column: int) -> None:
    pair, _, parameters = problem(33)
    parameters[:, column] = value
    got = log_likelihood(parameters, np.ones(64), pair)
    assert not np.isnan(got).any()
    assert not (got == np.inf).any()
    if not 0.0 < value < np.inf:
        assert (got == -np.inf).all()


def test_compiled_code_kept_on_disk_is_that_of_all_its_sources() -> None:
    # numba itself looks at one file only, and would go on using a likelihood that has been changed in another.
    package = Path(jit.__file__).parent.parent
    using = {
        str(p.relative_to(package))
        for p in package.rglob("*.py")
        if re.search(r"^@(compiled|merged|borrowing|exactly|inlined)$", p.read_text(), re.M)
    }
    # All of them depend on how things are compiled and on what compiled code takes.
    assert using | {"knee/jit.py", "knee/pair.py"} == set(jit._SOURCES)
    digest = hashlib.sha256(b"".join((package / name).read_bytes() for name in jit._SOURCES)).hexdigest()[:16]
    assert digest == jit._DIGEST


def test_no_compiled_function_calls_another_by_name() -> None:
    package = Path(jit.__file__).parent.parent
    functions = [
        node
        for name in jit._SOURCES
        for node in ast.walk(ast.parse((package / name).read_text()))
        if isinstance(node, ast.FunctionDef)
    ]
    kept = {f.name for f in functions if "compiled" in {getattr(d, "id", "") for d in f.decorator_list}}
    assert {"evaluate", "_block", "log_likelihood"} <= kept
    for f in functions:
        if any(
            getattr(d, "id", "") in {"compiled", "merged", "borrowing", "exactly", "inlined"} for d in f.decorator_list
        ):
            assert not kept & {getattr(c.func, "id", "") for c in ast.walk(f) if isinstance(c, ast.Call)}, f.name


@pytest.mark.parametrize("kind", [jit.merged, jit.borrowing, jit.exactly])
def test_what_is_for_compiled_callers_alone_is_not_called_from_python(kind: Callable[[Any], Any]) -> None:
    def doubled(x: float) -> float:
        return 2.0 * x

    inner = kind(doubled)

    def outer(x: float) -> float:
        return inner(x) + 1.0

    # Neither before a caller is compiled nor after that.
    for _ in range(2):
        with pytest.raises(TypeError, match=r"doubled is for compiled callers; in Python take doubled\.py_func"):
            inner(3.0)
        assert numba.njit(outer)(3.0) == 7.0
    assert inner.py_func(3.0) == 6.0


def test_compiled_code_names_no_ligament() -> None:
    package = Path(jit.__file__).parent.parent
    named = [name for name in jit._SOURCES if re.search("mcl|lcl", (package / name).read_text(), re.I)]
    assert named == []


def test_the_type_of_the_knee_says_which_likelihood_it_is_that_of() -> None:
    posterior = Posterior.from_config(bench_config())
    q = np.random.default_rng(1).uniform(posterior.lower, posterior.upper, (20, posterior.ndim))
    pair = posterior.density.knee
    sums = build(pair)
    assert sums is not None
    spoilt = sums._replace(nodes=2.0 * sums.nodes, keys=np.full_like(sums.keys, np.inf))
    by_points, by_sums, by_spoilt = (
        evaluate(q, posterior.density._replace(knee=pair._replace(sums=kind)))[1] for kind in ((), sums, spoilt)
    )
    np.testing.assert_allclose(by_sums, by_points, rtol=1e-11)
    assert (by_spoilt != by_points).all()

    class Stranger(NamedTuple):
        load: np.ndarray

    with pytest.raises(TypingError):
        evaluate(q, posterior.density._replace(knee=Stranger(pair.load)))


STEP = """
import hashlib, sys
import numpy as np
from conftest import bench_config
from calibrate.posterior import Posterior
from calibrate.sampling.block import Block
from calibrate.sampling.ensembles import generators
from calibrate.lean import emcee

posterior = Posterior.from_config(bench_config())
start = np.random.default_rng(2).uniform(posterior.lower, posterior.upper, (16, 6))
sampler = emcee.EnsembleSampler(16, 6, posterior.log_prob, moves=[Block(posterior)], vectorize=True)
state = sampler.run_mcmc(emcee.State(start, random_state=generators(7, 1)[0].get_state()), 20)
print(hashlib.sha256(state.coords.tobytes() + state.log_prob.tobytes()).hexdigest())
"""


def test_code_just_compiled_and_code_from_disk_give_the_same_chain(tmp_path: Path) -> None:
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    chains = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", STEP], cwd=Path(__file__).parent, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        chains.append(done.stdout)
    assert chains[0] == chains[1]
    assert list(tmp_path.rglob("block._block*.nbc"))


@pytest.mark.parametrize("scale", [np.nan, np.inf, 0.0, -1.0])
def test_meaningless_sigma_is_impossible(scale: float) -> None:
    pair, _, parameters = problem(33)
    assert (log_likelihood(parameters, np.full(64, scale), pair) == -np.inf).all()
