"""What a terminal shows: the progress of a run, and a summary as tables. Knows no science."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TextColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from calibrate.ends import SIGNALS, leave, say
from calibrate.journal import VOICE, keep
from calibrate.paper import Paper
from calibrate.texts import digits, printable, shown

if TYPE_CHECKING:
    from calibrate.config import Config
    from calibrate.sampling.loop import Progress

# Seconds between two lines of progress, and for those who have asked for more.
_LOG_EVERY, _OFTEN = 10.0, 1.0
# Of columns whose key is none that fits: the standard deviation as a share of the prior's.
_HEADINGS = {"sd_of_prior": "/prior", "beyond": "beyond data"}
_STYLES = {"warning": "yellow", "note": "cyan"}
_LARGEST = 1000
_PAGE = 110  # columns of a summary that goes to a file or a pipe


class Watch:
    """Show a run's progress on stderr, and turn Ctrl-C and SIGTERM into a request to stop at the next step.

    Before the first step there is nothing to keep, and whoever asks twice will not wait: both leave at once.
    On a terminal a bar; elsewhere a line every ten seconds.
    """

    def __init__(self, config: Config) -> None:
        self._settings = config.sampling
        self._stop = False
        self._console = console(sys.stderr)
        self._started = False
        self._bar: Bar | None = None
        self._logged = time.monotonic()
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Watch:
        for name in SIGNALS:
            if signal.getsignal(name) is signal.SIG_IGN:
                continue
            self._previous[name] = signal.signal(name, self._on_signal)
        self.start_display()
        return self

    def start_display(self) -> None:
        """Begin to show something, where there is a terminal."""
        if self._console.is_terminal and not VOICE.quiet:
            self._bar = Bar(
                SpinnerColumn(),
                BarColumn(bar_width=24),
                TextColumn("{task.description}"),
                console=self._console,
                transient=True,
            )
            self._task = self._bar.add_task("fitting", total=1.0)
            self._bar.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        for name, handler in self._previous.items():
            signal.signal(name, handler)

    def should_stop(self) -> bool:
        """Tell the run whether the user wants it to end."""
        self._started = True
        return self._stop

    def on_warning(self, message: str) -> None:
        """Pass on what the user should know."""
        paper = self.display()
        if paper is None:
            say(f"warning: {message}")
        else:
            keep(f"warning: {printable(message)}")
            paper.print(f"calibrate: warning: {printable(message)}", markup=False, soft_wrap=True)

    def on_progress(self, progress: Progress) -> None:
        """Show where the run is."""
        share = self._share_done(progress)
        line = self._line(progress, share)
        self.paint(progress, share, line)
        if time.monotonic() - self._logged >= (_OFTEN if VOICE.verbose else _LOG_EVERY):
            self._logged = time.monotonic()
            if self.display() is not None:
                keep(line)
            else:
                say(line)

    def display(self) -> Console | None:
        """Return where something is shown that moves; None if nothing is."""
        return None if self._bar is None else self._bar.console

    def paint(self, progress: Progress, share: float, line: str) -> None:
        """Renew what moves, if anything does."""
        if self._bar is not None:
            self._bar.update(self._task, completed=share, description=line)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._stop or not self._started:
            if self._console.is_terminal:
                self._console.show_cursor()
            leave(number, frame)
        self._stop = True

    def _share_done(self, progress: Progress) -> float:
        """Of the steps allowed, or of the effective samples wanted: whichever is further."""
        share = progress.steps / progress.max_steps if progress.max_steps else 1.0
        if progress.verdict is not None and math.isfinite(progress.verdict.diagnosis.smallest_ess):
            share = max(share, progress.verdict.diagnosis.smallest_ess / self._settings.min_ess)
        return min(share, 0.99)

    def _line(self, progress: Progress, share: float) -> str:
        rhat = ess = math.nan
        if progress.verdict is not None:
            rhat, ess = progress.verdict.diagnosis.worst_rhat, progress.verdict.diagnosis.smallest_ess
        converging = "R-hat and ESS unknown so far"
        if not math.isnan(rhat):
            converging = f"R-hat {rhat:.3f}  ESS {ess:.0f} of {self._settings.min_ess:g}"
        left = progress.seconds * (1.0 - share) / share if share > 0.01 else math.nan
        return (
            f"{progress.steps} steps  log-prob {shown(progress.log_prob, '.2f')}  "
            f"accepted {shown(progress.acceptance, '.0%')}  {converging}  {shown(left, '.0f')} s left"
        )


def summary_tables(content: Mapping[str, Any]) -> None:
    """Print a summary to stdout: parameters, what follows from them, convergence, warnings."""
    with_truth = any("truth" in entry for entry in content["parameters"].values())
    tables = [
        _table("Parameters", content["parameters"], ("sd_of_prior", "rhat", "ess_bulk", "ess_tail"), with_truth),
        _table(
            "At the reference pose, where each strand becomes taut, and laxity",
            content["derived"],
            ("rhat", "ess_bulk", "beyond"),
            False,
        ),
    ]
    with page(max(console(sys.stdout, _LARGEST).measure(table).maximum for table in tables)) as paper:
        _summarise(paper, content, tables)


def console(stream: Any, width: int | None = None) -> Paper:
    """Return a console that knows a terminal by asking it, and by nothing else."""
    return Paper(
        file=stream,
        force_terminal=stream.isatty(),
        force_interactive=stream.isatty(),
        no_color=True if os.environ.get("NO_COLOR") else None,
        highlight=False,
        width=width,
    )


@contextlib.contextmanager
def page(least: int = 0) -> Iterator[Console]:
    """Hand out a console for results; what is printed there goes to stdout in one piece.

    Parameters
    ----------
    least : int
        Columns that are needed where there is no terminal; on one, what is wider is cut between columns.

    Raises
    ------
    OSError
        If it could not be written.
    """
    paper = console(sys.stdout)
    if not paper.is_terminal:
        paper = console(sys.stdout, max(_PAGE, least))  # a long line can be read, a cropped number not
    with paper.capture() as text:  # the library would end the program by itself where nobody reads on
        yield paper
    sys.stdout.write(text.get())
    sys.stdout.flush()


def _summarise(console: Console, content: Mapping[str, Any], tables: Sequence[Table]) -> None:
    state = "converged" if content["converged"] else "NOT CONVERGED"
    _say(console, f"{content['file']}: {state}", style="bold")
    sampled = (
        f"{content['ensembles']} ensembles of {content['walkers']} walkers, {content['steps']} steps, "
        f"the first {content['burn_in']} dropped, {content['draws']} draws, "
        f"{100 * (content['acceptance'] or 0):.0f} % accepted"
    )
    tests = [_measured(test) for test in content["tests"]]
    for line in [f"{tests[0]}; {sampled}"] if len(tests) == 1 else [*tests, sampled]:
        _say(console, line)
    for table in tables:
        console.print(table)
    for test in content["held_out"]:
        _say(console, test["sentence"])
    for finding, text in zip(content["findings"], content["warnings"], strict=True):
        _say(console, f"{finding['kind']}: {text}", style=_STYLES[finding["kind"]])
    _say(console, f"assumed: {'; '.join(content['assumes'])}")


def _say(console: Console, text: str, style: str | None = None) -> None:
    console.print(printable(text), style=style, markup=False, soft_wrap=True)


def _measured(test: Mapping[str, Any]) -> str:
    """Say what was measured in a test."""
    flexion = f", {test['flexion']:g} degrees flexion" if test["flexion"] else ""
    name = f"{test['name']}: " if test["name"] else ""
    counted = f"{test['load']} in {test['unit']}, {test['positive']} positive{flexion}"
    return f"{name}{test['points']} points of {test['file']} ({counted})"


def _table(title: str, entries: Mapping[str, Mapping[str, Any]], extra: tuple[str, ...], with_truth: bool) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    headings = (_HEADINGS.get(key, key) for key in extra)
    for heading in ("unit", "median", "2.5 %", "97.5 %", "sd", *(["truth"] if with_truth else []), *headings):
        table.add_column(heading, justify="left" if heading == "unit" else "right", no_wrap=True)
    formats = {"sd_of_prior": ".2f", "rhat": ".3f", "ess_bulk": ".0f", "ess_tail": ".0f", "beyond": ".0%"}
    for name, entry in entries.items():
        keys = ("median", "q2.5", "q97.5", "sd", *(["truth"] if with_truth else []), *extra)
        value = digits(entry.get("median"), entry.get("sd"))
        formats |= dict.fromkeys(("median", "q2.5", "q97.5", "truth"), value)
        cells = [shown(entry.get(key), formats.get(key, ".4g")) for key in keys]
        table.add_row(*(Text(printable(cell)) for cell in (name, entry["unit"], *cells)))  # no markup from a file
    return table
