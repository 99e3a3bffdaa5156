"""The list of pictures: their names, titles and captions, said once for files, reports and notebooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from matplotlib.figure import Figure

from calibrate.figures.corners import corner_plot
from calibrate.figures.correlations import correlation_plot
from calibrate.figures.knees import knee_plot
from calibrate.figures.laxities import laxity_plot
from calibrate.figures.ligaments import ligament_plot
from calibrate.figures.load_angle import load_angle_plot
from calibrate.figures.marginals import prior_posterior_plot
from calibrate.figures.residuals import residual_plot
from calibrate.figures.running import convergence_plot
from calibrate.figures.shares import load_share_plot
from calibrate.figures.tensions import tension_angle_plot
from calibrate.figures.traces import trace_plot


@dataclass(frozen=True)
class FigureKind:
    """A kind of picture.

    Attributes
    ----------
    draw : callable
        Draws it: takes a `Draws` or `Run`, and options by name.
    title : str
        What it is, in a line.
    caption : str
        What is seen and what it assumes, in a sentence.
    """

    draw: Callable[..., Figure]
    title: str
    caption: str


FIGURES: Mapping[str, FigureKind] = MappingProxyType(
    {
        "corner": FigureKind(
            corner_plot,
            "Parameters and their pairs",
            "Histograms of the posterior with median and 90 % interval over the prior's density in grey, and below "
            "them the 50 and 90 % contours of pairs; the best draw and, of simulated data, the truth are marked.",
        ),
        "prior_posterior": FigureKind(
            prior_posterior_plot,
            "What the data have taught",
            "Each parameter's prior (grey) against its posterior (blue), both normalised densities; where the two are "
            "alike, the data have said nothing and the prior has decided.",
        ),
        "trace": FigureKind(
            trace_plot,
            "The walkers' way",
            "Every parameter over the steps, thin lines single walkers and thick ones the means of ensembles, which "
            "started apart and have to agree; the shaded steps are dropped.",
        ),
        "convergence": FigureKind(
            convergence_plot,
            "Convergence over the steps",
            "Rank-normalised R-hat and effective sample size of every parameter as the run grew, by the same functions "
            "as the verdict, with its thresholds dashed.",
        ),
        "load_angle": FigureKind(
            load_angle_plot,
            "Readings and what the posterior makes of them",
            "Readings with their errors, the predicted curve with its 50 and 90 % bands, and below what is left over; "
            "between the outermost readings it is a fit, beyond them an extrapolation.",
        ),
        "residuals": FigureKind(
            residual_plot,
            "What is left over",
            "Residuals by angle in units of their standard deviation, and the histogram of the probabilities foretold "
            "for less than each reading, flat but for chance (grey band) if errors are as the model says.",
        ),
        "laxity": FigureKind(
            laxity_plot,
            "Laxity at 10 N·m",
            "The angles at which a pure moment of 10 N·m is reached either way, and their difference, by flexion, "
            "beside published values; between the tests' flexions it assumes one set of slack lengths and no axial "
            "rotation.",
        ),
        "ligaments": FigureKind(
            ligament_plot,
            "Tension over elongation",
            "Each strand's tension over its length with slack, toe and linear region marked; lengths within the tests "
            "are shaded, and beyond them the curve is what the law says, not what was measured.",
        ),
        "tension_angle": FigureKind(
            tension_angle_plot,
            "Tension over the angle",
            "Each strand's tension over the varus-valgus angle with its bands, and where the median law is slack, in "
            "its toe or linear.",
        ),
        "load_share": FigureKind(
            load_share_plot,
            "Who bears the load",
            "Each strand's part in the pure moment that holds the knee, stacked over the angle for the median of the "
            "posterior; parts of opposite sign work against each other.",
        ),
        "correlation": FigureKind(
            correlation_plot,
            "What goes together",
            "Rank correlations of the parameters' draws: where two are near 1 or -1, the data know a combination of "
            "both and neither by itself.",
        ),
        "knee": FigureKind(
            knee_plot,
            "The knee itself",
            "The knee from the front, lateral to the right, at one angle: condyles, plateau, strands coloured by "
            "their tension, the reaction at the contact and the load where it acts; planar, without axial rotation "
            "and wrapping.",
        ),
    }
)
