"""What a population's covariates and pairs cannot be meant to be, and what to know of them, before it is sampled.

Files of populations are opened all the same, so that those that were written before can still be read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal

import numpy as np

from calibrate.decimals import in_decimal, is_missing, is_not_finite, is_plain, read_number, shown
from calibrate.errors import ConfigError
from calibrate.population.covariates import word_of
from calibrate.population.model import Population
from calibrate.texts import count, listed

# Numbers are whole and apart up to here; beyond 2^53 they are rounded.
_WHOLE = 1e15
# So many names are told, no more.
_NAMED = 5
# Columns of a design that differ by less, in their standard deviations, are one.
_SAME = 1e-9
# Knees, or persons, that are to be left for the spreads when each mean and effect has taken one.
_LEFT = 3


def check(population: Population) -> None:
    """Refuse what can be sampled, but cannot be meant.

    Raises
    ------
    ConfigError
        Names the knee and what it says, and what would be right.
    """
    if said := next(refusals(population), ""):
        raise ConfigError(said)


def refusals(population: Population) -> Iterator[str]:
    """Yield why a population is not sampled, a sentence each."""
    for covariate in population.covariates:
        if covariate.groups:
            words = _words(population, covariate.name)
            yield from _no_numbers(covariate.name, words)
            for (word, knee), (other, its) in _alike(words):
                number = is_plain(word) and is_plain(other)
                how = "are one number" if number else "differ only in case or blanks"
                yield (
                    f"covariate {covariate.name}: {shown(word)} (knee {knee}) and {shown(other)} (knee {its}) {how}; "
                    "write it in one way"
                )
    yield from _not_told_apart(population)
    if population.pairs:
        yield from _rounded(population, population.pairs)


def cautions(population: Population) -> list[str]:
    """Return what to know of a population's covariates and pairs, a sentence each; refusals of one that was sampled."""
    said = list(refusals(population))
    for covariate in population.covariates:
        if covariate.groups:
            said += _of_groups(population, covariate.name)
    if population.pairs:
        said += [
            f"{population.pairs}: {shown(word)} (knee {knee}) and {shown(other)} (knee {its}) differ only in case or "
            "blanks, and are two persons"
            for (word, knee), (other, its) in _alike(_words(population, population.pairs))
            if not is_plain(word)
        ][:_NAMED]
    return [*said, *_too_few(population)]


def _words(population: Population, name: str) -> dict[str, str]:
    return {member.id: word_of(member.covariates[name]) for member in population.members}


def _no_numbers(name: str, words: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each knee whose word stands among numbers: most knees that say something say numbers."""
    plain = {word for word in words.values() if is_plain(word)}
    nearly = {word for word in words.values() if word not in plain and (in_decimal(word) or _is_infinite(word))}
    missing = {word for word in words.values() if is_missing(word)}
    numbers = sum(word in plain or word in nearly for word in words.values())
    if numbers <= sum(word not in plain | nearly | missing for word in words.values()):
        return
    for knee, word in words.items():
        if word in missing:
            yield (
                f"knee {knee}: covariate {name} is {shown(word)}, a missing value among numbers; fill it in, or leave "
                "the knee out"
            )
        elif word in nearly:
            try:
                read_number(word)
            except ValueError as error:
                yield f"knee {knee}: covariate {name}: {error}"
        elif word not in plain:
            yield (
                f"knee {knee}: covariate {name} is {shown(word)}, and a number for {count(numbers, 'other knee')}; "
                "write numbers, or words for all knees"
            )


def _is_infinite(word: str) -> bool:
    return is_not_finite(word) and not is_missing(word)


def _alike(words: Mapping[str, str]) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    """Yield words, each with its knee, that differ in nothing but capitals, blanks or the way to write a number."""
    first: dict[str | Decimal, tuple[str, str]] = {}
    for knee, word in words.items():
        same = Decimal(word) if is_plain(word) else " ".join(word.split()).casefold()
        other, its = first.setdefault(same, (word, knee))
        if other != word:
            yield (other, its), (word, knee)


def _of_groups(population: Population, name: str) -> Iterator[str]:
    """Yield what to know of a covariate's groups."""
    words, person = _words(population, name), population.design.person
    whose = population.ids if person is None else person.tolist()
    size = Counter(word for word, _ in {*zip(words.values(), whose, strict=True)})
    what = "knee" if person is None else "person"
    if single := sorted(word for word, many in size.items() if many == 1):
        are = f"is of one {what}" if len(single) == 1 else f"are of one {what} each"
        yield (
            f"covariate {name}: {listed([*map(shown, single)], _NAMED)} {are}, so what is told of the group is "
            f"told of that {what}"
        )
    for word in size:
        if is_missing(word) and word.lower() != "none":
            yield f"covariate {name}: {shown(word)} is taken for a group; if it is a missing value, leave the knee out"


def _not_told_apart(population: Population) -> Iterator[str]:
    """Yield a sentence for each covariate whose columns of the design follow from those of others."""
    names = [one.name for one in population.covariates]
    if population.pairs in names:
        yield f"{population.pairs}: says whose knee it is, so it is no covariate beside; leave one out"
    ends = np.cumsum([1, *(len(one.labels) for one in population.covariates)]).tolist()
    columns = {name: [*range(*ends[i : i + 2])] for i, name in enumerate(names)}

    def follows(others: list[str], name: str) -> bool:
        x = population.design.x[:, [0, *(column for one in [*others, name] for column in columns[one])]]
        return bool(np.linalg.matrix_rank(x, tol=_SAME * len(x) ** 0.5) < x.shape[1])

    for i, name in enumerate(names):
        others = names[:i]
        if follows(others, name):
            for one in names[:i]:
                fewer = [other for other in others if other != one]
                others = fewer if follows(fewer, name) else others
            yield (
                f"covariate {name}: cannot be told from {' and '.join(others)} in these knees: one follows from the "
                "other; leave one out"
            )
            return


def _too_few(population: Population) -> Iterator[str]:
    """Yield whether means and effects take up so many knees, or persons, that next to none are left for spreads."""
    terms, persons = population.design.x.shape[1], population.design.persons
    many = count(persons, "person") if persons else count(len(population.ids), "knee")
    if (persons or len(population.ids)) < terms + _LEFT:
        labels = ["mean", *(label for one in population.covariates for label in one.labels)]
        named = ", ".join(labels[:_NAMED]) + (", ..." if len(labels) > _NAMED else "")
        yield (
            f"{many} for {count(terms, 'number')} of each component's mean ({named}): fewer than {terms + _LEFT}, so "
            "spreads and effects owe much to their priors"
        )


def _rounded(population: Population, pairs: str) -> Iterator[str]:
    for member in population.members:
        value = member.covariates[pairs]
        if not isinstance(value, str) and abs(value) >= _WHOLE:
            yield (
                f"knee {member.id}: {pairs} = {value:.0f}: a number of so many digits has been rounded; of a manifest, "
                "'calibrate cohort --resume' keeps it as text"
            )
