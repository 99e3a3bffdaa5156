"""The methods paragraph and the list of sources, ready for a paper: every number in it is the run's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from calibrate import __version__, literature
from calibrate.config.values import source_of
from calibrate.report.words import number, title_of
from calibrate.results import Run
from calibrate.texts import count

_MOVES = {
    "block": "updates of whole ensembles in compiled batches",
    "stretch": "stretch moves",
    "de": "differential evolution",
    "snooker": "snooker updates",
}
EMCEE = (
    "Foreman-Mackey D, Hogg DW, Lang D, Goodman J. emcee: The MCMC Hammer. Publ Astron Soc Pac 125:306-312. 2013. "
    "doi:10.1086/670067"
)
RHAT = (
    "Vehtari A, Gelman A, Simpson D, Carpenter B, Bürkner PC. Rank-normalization, folding, and localization: an "
    "improved R-hat for assessing convergence of MCMC. Bayesian Anal 16(2):667-718. 2021. doi:10.1214/20-BA1221"
)
NESTED = (
    "Margossian CC, Hoffman MD, Sountsov P, Riou-Durand L, Vehtari A, Gelman A. Nested R-hat: assessing the "
    "convergence of Markov chain Monte Carlo when running many short chains. arXiv:2110.13017"
)
LAW = (
    "Blankevoort L, Huiskes R. Ligament-bone interaction in a three-dimensional model of the knee. J Biomech Eng "
    "113(3):263-269. 1991"
)


def sources(run: Run) -> dict[str, literature.Entry]:
    """Return the published values that priors of free parameters come from, by the parameters' names."""
    entries = {entry.key: entry for entry in literature.entries()}
    found = {name: getattr(run.config.resolved(name), "literature", None) for name in run.names}
    return {name: entries[key] for name, key in found.items() if key in entries}


def references(run: Run) -> list[str]:
    """Return the sources to cite, in the order in which the paragraph does."""
    published = dict.fromkeys(entry.source.citation for entry in sources(run).values())
    return [LAW, *published, EMCEE, NESTED, RHAT]


def paragraph(run: Run, content: Mapping[str, Any]) -> Iterator[str]:
    """Yield the sentences of the methods paragraph, with sources by their number in `references`."""
    cited = {text: f"[{i}]" for i, text in enumerate(references(run), 1)}
    versions, sampling = run.file.versions, run.config.sampling
    python = ", ".join(f"{name} {version}" for name, version in versions.items() if name != "calibrate")
    readings = sum(test["points"] for test in content["tests"])
    tests = count(len(content["tests"]), "varus-valgus laxity test")
    flexions = ", ".join(f"{test['flexion']:g}°" for test in content["tests"])
    strands = f"{count(len(run.posterior.strands), 'straight strand')} ({', '.join(run.posterior.strands)})"
    yield (
        f"{count(readings, 'reading')} of {tests} (flexion {flexions}) were explained by a quasi-static planar knee: "
        f"the tibial plateau rocks over two circular condyles, held by {strands} whose tension is quadratic in the toe "
        f"and linear beyond {cited[LAW]}."
    )
    yield (
        f"{count(len(run.names), 'parameter')} were free, with the priors listed below"
        + ("; published values are cited with them" if sources(run) else "")
        + f". Assumptions: {'; '.join(content['assumes'])}."
    )
    shares = {name: share for name, share in sampling.moves if share > 0.0}
    total = sum(shares.values())
    moves = ", ".join(f"{_MOVES[name]} ({100.0 * share / total:.0f} %)" for name, share in shares.items())
    yield (
        f"The posterior was sampled with calibrate {versions.get('calibrate', __version__)} ({python}) on emcee "
        f"{cited[EMCEE]}: {count(content['ensembles'], 'independent ensemble')} of "
        f"{count(content['walkers'], 'walker')}, {moves}; {count(content['steps'], 'step')}, the first "
        f"{content['burn_in']:,} dropped, which left {count(content['draws'], 'draw')} (seed {sampling.seed})."
    )
    checks = content["checks"]
    yield (
        f"Convergence was judged, of every parameter, by nested R-hat {cited[NESTED]} of normalised ranks "
        f"{cited[RHAT]} (largest {number(checks['rhat']['value'], '.4f')}, below {sampling.max_rhat:g} wanted) and by "
        f"effective samples of the middle and of the tails (smallest {number(content['smallest_ess'], ',.0f')}, "
        f"{sampling.min_ess:,.0f} wanted): {'met' if content['converged'] else 'not met'}."
    )
    yield (
        "Estimates are posterior medians with central 95 % intervals; what follows from the parameters was "
        f"computed of {count(run.spread()[..., 0].size, 'draw')}."
    )


def prior_rows(run: Run, content: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Yield each free parameter's prior and where it is from: what a source states and its number, or knees."""
    cited = {text: i for i, text in enumerate(references(run), 1)}
    published, tests = sources(run), [test["name"] for test in content["tests"]]
    for name, entry in content["parameters"].items():
        of, source = published.get(name), source_of(run.config.resolved(name))
        yield {
            "name": name,
            "title": title_of(name, tests),
            "prior": entry["prior"],
            "source": source if of is None else f"{of.key}: {of.stated()} [{cited[of.source.citation]}]",
        }
