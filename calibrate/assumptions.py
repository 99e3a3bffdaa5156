"""What a calibration's model leaves out or takes for granted, in short sentences: it is said wherever results are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from calibrate.knee.slots import CORRELATED, STUDENT
from calibrate.problem.build import errors_of

if TYPE_CHECKING:
    from calibrate.posterior import Posterior
    from calibrate.problem.laxity_test import LaxityTest

_KINDS = {
    CORRELATED: "Gaussian, and over neighbouring angles correlated",
    STUDENT: "independent and Student-t",
}

# The least of five kinds of knees that the model is not, `python -m benchmarks.misfit`; also in docs/model.md.
SHAPE = (
    "the model's curve is the knee's: of simulated knees with what it leaves out, or a load that drifts, 90 % "
    "intervals of laxity held as few as 52 %; noise.discrepancy allows for that"
)


def assumptions(posterior: Posterior) -> Iterator[str]:
    """Yield what estimates hold under, a sentence each."""
    yield (
        "the tibia turns in one plane: axial rotation and translations that go with varus-valgus are left out "
        "(5 to 16 degrees of axial rotation at 10 N·m in real knees)"
    )
    yield "strands are straight: none wraps around bone or another strand"
    if posterior.config.knee.reference_flexion != 0.0 or any(test.flexion != 0.0 for test in posterior.tests):
        yield "flexion turns the femur about an axis that does not move"
    free = posterior.table.rows("geometry").sum()
    yield f"the geometry is exact but for {free} of its numbers" if free else "the geometry is exact"
    columns = posterior.table.columns.tolist()
    exact = [test for test in posterior.tests if int(test.slots.reading[0]) not in columns]
    if exact:
        yield f"{_of(posterior, exact)}the angle's zero is known exactly"
    rigid = [test for test in posterior.tests if errors_of(test, len(posterior.table.parameters)) != CORRELATED]
    if rigid:
        yield f"{_of(posterior, rigid)}{SHAPE}"
    by_kind: dict[str, list[LaxityTest]] = {}
    for test in posterior.tests:
        by_kind.setdefault(_errors(posterior, test), []).append(test)
    for errors, tests in by_kind.items():
        yield f"{_of(posterior, tests)}errors of the readings are {errors}"


def _of(posterior: Posterior, tests: list[LaxityTest]) -> str:
    """Return what a sentence begins with that is not of all tests."""
    return "" if len(tests) == len(posterior.tests) else f"in {', '.join(test.name for test in tests)}: "


def _errors(posterior: Posterior, test: LaxityTest) -> str:
    """Return of which kind a test's errors are, and whether their size is known."""
    nothing, columns = len(posterior.table.parameters), posterior.table.columns.tolist()
    sigma, _, angle_sigma, _, _ = test.slots.errors.tolist()
    kind = _KINDS.get(errors_of(test, nothing), "independent and Gaussian")
    size = "sigma inferred" if test.measurement.sigma is None and sigma in columns else "sigma known exactly"
    return f"{kind}, {size}{', the angle with an error of its own' if angle_sigma < nothing else ''}"
