"""What a run says, in sentences: whether it has converged, what was learnt, and what was not.

Which quantities were not learnt is what the findings name; nothing is judged anew here.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from calibrate.findings import identify
from calibrate.findings.extrapolation import BEYOND
from calibrate.report.words import estimate, interval, number, sentence, title_of, unit_after
from calibrate.results import Run
from calibrate.sampling.remedy import NAMES
from calibrate.texts import count

# Findings that say of the quantities they name that the data alone do not tell them.
UNTOLD = ("bound-reached", "prior-decides", "region-unvisited", "trade-off", "extrapolated")
# Findings after which no estimate is to be believed before they are seen to.
CHAINS = ("not-converged", "stragglers")
_CHECKS = NAMES | {
    "looks": "looks in a row that agree",
    "drift": "drift of what is kept, in units of what chance allows",
    "stragglers": "share of the walkers that straggle",
}
_FORMS = {"rhat": ".4f", "derived_rhat": ".4f", "sd_error": ".2%", "stragglers": ".2%", "drift": ".2f"}
_WANTED = {"rhat": "below", "derived_rhat": "below", "sd_error": "at most", "stragglers": "at most", "drift": "below"}


@dataclass(frozen=True)
class Told:
    """One sentence about one quantity.

    Attributes
    ----------
    name : str
        The parameter or derived quantity; empty if it is about more than one.
    text : str
        The sentence.
    """

    name: str
    text: str


@dataclass(frozen=True)
class Untold:
    """Something that the data do not tell.

    Attributes
    ----------
    text : str
        The finding's sentence.
    advice : str
        What it advises.
    commands : tuple of str
        Which say what measurement would tell.
    """

    text: str
    advice: str
    commands: tuple[str, ...]


def answered(content: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the quantities that answers are about: the strands' parameters, reference strains, laxity at 10 N·m."""
    tests = [test["name"] for test in content["tests"]]
    found: dict[str, Mapping[str, Any]] = {}
    for name, entry in (*content["parameters"].items(), *content["derived"].items()):
        of_law = name in content["parameters"] and not any(part in name for part in ("knee.", "measurement.", "noise."))
        if of_law or name.endswith((".reference_strain", "_10Nm")):
            found.setdefault(name, entry)
    return {name: found[name] for name in sorted(found, key=lambda name: _place(name, tests))}


def _place(name: str, tests: Sequence[str]) -> int:
    """Return where a quantity stands: reference strains, then stiffness, then laxity, then the rest."""
    ends = (".reference_strain", ".k", "_10Nm")
    return next((i for i, end in enumerate(ends) if name.endswith(end)), len(ends))


def verdict(run: Run, content: Mapping[str, Any]) -> Iterator[str]:
    """Yield whether the run has converged, and by which numbers."""
    found, checks = run.verdict, content["checks"]
    sampled = (
        f"{count(content['ensembles'], 'independent ensemble')} of {count(content['walkers'], 'walker')} took "
        f"{count(content['steps'], 'step')}, of which the first {content['burn_in']:,} are dropped"
    )
    if not content["converged"]:
        yield sentence(found.sentence)
        yield sentence(f"{sampled}. What follows is preliminary and may still move")
        if found.advice:
            yield sentence(found.advice)
        return
    rhat, tail = checks["rhat"], min(checks["ess_bulk"], checks["ess_tail"], key=lambda check: check["value"])
    yield (
        f"The run has converged: {sampled}. Of every parameter R-hat between ensembles is at most "
        f"{number(rhat['value'], '.4f')} (below {rhat['threshold']:g} wanted), and there are at least "
        f"{tail['value']:,.0f} effective samples ({tail['threshold']:,.0f} wanted), on two looks in a row."
    )
    # What some draws lack, or never moves, has neither number.
    told = [of for name, of in content["derived"].items() if name not in content["parameters"] and of["ess_bulk"]]
    if told:
        yield (
            f"What follows from the parameters, like laxity, is computed of {count(run.spread()[..., 0].size, 'draw')}"
            f": its R-hat is at most {number(max(of['rhat'] for of in told), '.4f')}, and there are at least "
            f"{min(of[key] for of in told for key in ('ess_bulk', 'ess_tail')):,.0f} effective samples of it."
        )


def check_rows(content: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Yield the verdict's checks as rows of a table."""
    for name, check in content["checks"].items():
        form = _FORMS.get(name, ",.0f")
        yield {
            "name": _CHECKS[name],
            "subject": "the log-probability" if check["subject"] == "log_prob" else check["subject"],
            "value": number(check["value"], form),
            "wanted": f"{_WANTED.get(name, 'at least')} {number(check['threshold'], form)}",
            "met": "yes" if check["met"] else "no",
        }


def doubts(content: Mapping[str, Any]) -> Iterator[str]:
    """Yield what has to be seen to before any estimate is believed: the warnings about data and model."""
    for finding in content["findings"]:
        if finding["kind"] == "warning" and finding["code"] not in CHAINS:
            yield sentence(": ".join(part for part in (finding["sentence"], finding["advice"]) if part))


def untold_names(content: Mapping[str, Any]) -> set[str]:
    """Return the quantities that the data do not tell.

    Those that a finding says so of, whose prior has next to all of its spread left, or that lie beyond the readings: of
    a laxity in all no finding speaks, as it does of either side. Some of the names may be no quantity of this run.
    """
    names: set[str] = set()
    for finding in content["findings"]:
        if finding["code"] in UNTOLD:
            names |= _named(finding, content)
    names |= {name for name, entry in content["parameters"].items() if _untold(entry)}
    names |= {name for name, entry in content["derived"].items() if entry.get("beyond", 0.0) > BEYOND}
    # A reference strain follows from the slack length, and is not told without it.
    return names | {f"{name.removesuffix('.l_0')}.reference_strain" for name in names if name.endswith(".l_0")}


def _untold(entry: Mapping[str, Any]) -> bool:
    """Tell whether the prior is next to all that is known of a parameter."""
    share, shift = entry["sd_of_prior"], entry["shift_of_prior"]
    return share is not None and shift is not None and identify.untold(share, shift)


def _left(entry: Mapping[str, Any]) -> str:
    """Say what a parameter has left of its prior."""
    by = " (by logarithms)" if entry["prior"].startswith("log-normal") else ""
    return f"{100.0 * entry['sd_of_prior']:.0f} % of the prior's standard deviation{by}"


def _named(finding: Mapping[str, Any], content: Mapping[str, Any]) -> set[str]:
    """Return the quantities that a finding is about: those it names, or those of a strand that its sentence names."""
    known = (*content["parameters"], *content["derived"])
    subjects = set(finding["subject"].split(", "))
    if finding["code"] == "region-unvisited":
        words = finding["sentence"].replace(",", " ").split()
        return {name for name in known if name in words}
    if finding["code"] == "extrapolated" and "reference_strain" in subjects:
        return {name for name in known if name.endswith((".reference_strain", ".reference_tension"))}
    return {name for name in known if name in subjects}


def learnt(content: Mapping[str, Any]) -> Iterator[Told]:
    """Yield a sentence for each quantity that the data tell."""
    untold, tests = untold_names(content), [test["name"] for test in content["tests"]]
    sensitive = {
        name for f in content["findings"] if f["code"] == "prior-sensitive" for name in f["subject"].split(", ")
    }
    for name, entry in answered(content).items():
        if name in untold or entry.get("median") is None:
            continue
        said = f"{title_of(name, tests)}: {estimate(entry)}"
        if entry.get("sd_of_prior") is not None:
            said += f"; {_left(entry)} is left"
        if name in sensitive:
            said += "; the prior has a say in it"
        yield Told(name, sentence(said))


def combined(content: Mapping[str, Any]) -> Iterator[Told]:
    """Yield what the data tell of quantities that they do not tell one by one."""
    tests, untold = [test["name"] for test in content["tests"]], untold_names(content)
    for name, entry in content["parameters"].items():
        if name in untold and entry["sd_of_prior"] is not None and not _untold(entry):
            spread = unit_after(entry["unit"])
            yield Told(
                name,
                sentence(
                    f"{title_of(name, tests)}: 95 % between {interval(entry).replace(' to ', ' and ')}{spread}, with "
                    f"{_left(entry)} left"
                ),
            )


def not_learnt(content: Mapping[str, Any], path: str) -> Iterator[Untold]:
    """Yield what the data do not tell, why, and the command that says which measurement would."""
    for finding in content["findings"]:
        if finding["code"] in UNTOLD:
            names = sorted(_named(finding, content) & {*answered(content), *content["parameters"]})
            yield Untold(
                sentence(finding["sentence"]),
                sentence(finding["advice"]) if finding["advice"] else "",
                tuple(f"calibrate design {shlex.quote(path)} --target {shlex.quote(name)}" for name in names[:4]),
            )
    said = {name for finding in content["findings"] if finding["code"] in UNTOLD for name in _named(finding, content)}
    tests = [test["name"] for test in content["tests"]]
    for name, entry in content["parameters"].items():
        if _untold(entry) and name not in said:
            yield Untold(
                sentence(
                    f"{title_of(name, tests)} ({name}): {_left(entry)} is left, so the data say next to nothing of it"
                ),
                "",
                (f"calibrate design {shlex.quote(path)} --target {shlex.quote(name)}",),
            )
