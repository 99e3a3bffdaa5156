"""How a profile looks: tables for a terminal, a bar chart for a page. What it says is `calibrate.profiling`'s."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from calibrate.canvas import PlainFigure, plainly
from calibrate.config import Config
from calibrate.errors import ExportError
from calibrate.files import check_target, replacing
from calibrate.kinds import picture_of
from calibrate.screen import page


def tables(content: dict[str, Any]) -> None:
    """Print a profile to stdout."""
    with page() as paper:
        _tables(paper, content)


def _tables(console: Console, content: dict[str, Any]) -> None:
    title = f"One total loss at {content['angles']} angles ({content['load']})"
    ladder = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    for heading in ("", "per evaluation", "speed-up", "difference", "peak memory", "kept"):
        ladder.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for rung in content["rungs"]:
        ladder.add_row(
            rung["name"],
            _seconds(rung["seconds_per_evaluation"]),
            f"{rung['speedup']:,.0f}",
            f"{rung['largest_relative_difference']:.0e}",
            _bytes(rung["peak_bytes"]),
            _bytes(rung["cache_bytes"]),
        )
    console.print(ladder)
    total = sum(content["breakdown"].values())
    parts = Table(title="Where the symbolic evaluation spends its time", box=box.SIMPLE_HEAD, title_justify="left")
    for heading in ("", "seconds", "share"):
        parts.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for name, seconds in content["breakdown"].items():
        parts.add_row(name, _seconds(seconds), f"{seconds / total:.0%}")
    parts.add_row("of all this, SymPy", "", f"{content['sympy_share']:.0%}")
    console.print(parts)
    original = content["original"]
    low, high = original["promised_seconds"]
    console.print(
        f"The original profile: {original['seconds_per_evaluation']} s per loss evaluation; the remedies promised "
        f"{low}-{high} s. What differs: {original['differs']}",
        markup=False,
    )


def check_picture(path: Path, config: Config) -> None:
    """Refuse a picture that could not be drawn, before anything is measured.

    Raises
    ------
    ExportError
        If its folder is missing, its ending is no picture's, or it is the configuration, its data, or another file
        than a picture of that kind.
    """
    kind = picture_of(path)
    if kind is None:
        raise ExportError(f"{path}: no kind of picture; use one of .png, .pdf and .svg")
    check_target(path, ExportError, kind=kind, overwrite=True, spare=(config.source, config.data_path))
    if not path.parent.is_dir():
        raise ExportError(f"{path.parent}: no such folder; make it, or choose another with -o")


@plainly
def draw(content: dict[str, Any], path: Path) -> None:
    """Draw the ladder as a bar chart: seconds per evaluation on a logarithmic scale.

    Raises
    ------
    ExportError
        If the picture cannot be written.
    """
    rungs: Sequence[dict[str, Any]] = content["rungs"][::-1]
    original = content["original"]["seconds_per_evaluation"]
    seconds = [rung["seconds_per_evaluation"] for rung in rungs]
    figure = PlainFigure(figsize=(7.0, 3.2), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh([rung["name"] for rung in rungs], seconds, color="#4c72b0")
    axes.set_xscale("log")
    axes.set_xlim(min(seconds) / 3.0, max(*seconds, original) * 60.0)
    labels = [f"{_seconds(rung['seconds_per_evaluation'])}, {rung['speedup']:,.0f}x" for rung in rungs]
    axes.bar_label(bars, labels, padding=5, bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0})
    axes.axvline(original, color="#999999", linestyle=":", zorder=0.5)
    axes.set_xlabel(
        f"seconds per total loss at {content['angles']} angles (dotted: the original profile, {original} s)"
    )
    axes.spines[["top", "right"]].set_visible(False)
    with replacing(path, ExportError) as temporary:
        figure.savefig(temporary, format=path.suffix.lstrip(".").lower(), dpi=150)


def _seconds(value: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value * 1e9:.3g} ns"


def _bytes(value: float) -> str:
    for unit, size in (("MB", 1e6), ("kB", 1e3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.0f} B"
