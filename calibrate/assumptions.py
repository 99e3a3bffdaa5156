"""What a calibration's model leaves out or takes for granted, in short sentences: it is said wherever results are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from calibrate.config.knees import POOR, MadeOf, together
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
    yield from _of_knees(posterior)
    by_kind: dict[str, list[LaxityTest]] = {}
    for test in posterior.tests:
        by_kind.setdefault(_errors(posterior, test), []).append(test)
    for errors, tests in by_kind.items():
        yield f"{_of(posterior, tests)}errors of the readings are {errors}"


def _of_knees(posterior: Posterior) -> Iterator[str]:
    """Say of priors made of knees where they are from, what they leave out, and which fit the prediction badly."""
    by_file: dict[str, dict[str, MadeOf]] = {}
    for name in posterior.table.names:
        if (made := getattr(posterior.config.resolved(name), "knees", None)) is not None:
            by_file.setdefault(made.sha256, {})[name] = made
    for made in by_file.values():
        of = f"the priors of {', '.join(made)}" if len(made) > 1 else f"the prior of {next(iter(made))}"
        said = f"{of} {'were' if len(made) > 1 else 'was'} made of {next(iter(made.values())).short}"
        if (pair := together(made)) is not None:
            said += (
                ", each by itself: how they go together over the knees is left out, most of all "
                f"{pair[0]} with {pair[1]} (correlation {pair[2]:.2f})"
            )
        yield said
        for name, one in made.items():
            if one.misfit > POOR:
                yield (
                    f"the prior of {name} is of a family that fits the prediction of its knees poorly: quantiles are "
                    f"off by up to {one.misfit:.2f} of its standard deviations"
                )


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
