"""The pictures of a run, for print and for notebooks.

Each function here takes draws first and options by name, and returns a matplotlib `Figure` that belongs to no window
and to no global state. `FIGURES` lists them with titles and captions, `save_all` writes them. Each picture has a module
of its own; what they share is in `style` and `labels`.
"""

from __future__ import annotations

from calibrate.figures.animation import knee_animation
from calibrate.figures.corners import corner_pages, corner_plot
from calibrate.figures.correlations import correlation_plot
from calibrate.figures.knees import knee_plot
from calibrate.figures.laxities import laxity_plot
from calibrate.figures.ligaments import ligament_plot
from calibrate.figures.load_angle import load_angle_plot
from calibrate.figures.marginals import prior_posterior_plot
from calibrate.figures.registry import FIGURES, FigureKind
from calibrate.figures.residuals import residual_plot
from calibrate.figures.running import convergence_plot
from calibrate.figures.saving import save_all
from calibrate.figures.shares import load_share_plot
from calibrate.figures.tensions import tension_angle_plot
from calibrate.figures.traces import trace_plot

__all__ = [
    "FIGURES",
    "FigureKind",
    "convergence_plot",
    "corner_pages",
    "corner_plot",
    "correlation_plot",
    "knee_animation",
    "knee_plot",
    "laxity_plot",
    "ligament_plot",
    "load_angle_plot",
    "load_share_plot",
    "prior_posterior_plot",
    "residual_plot",
    "save_all",
    "tension_angle_plot",
    "trace_plot",
]
