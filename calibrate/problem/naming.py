"""A test's parameters by the names that people write: its own before the shared ones, ties named, slips answered."""

from __future__ import annotations

from calibrate.complaints import did_you_mean
from calibrate.errors import ParameterError
from calibrate.problem.parameters import ParameterTable
from calibrate.problem.quantities import ERROR, Quantity

# Each of the two says the other.
_SLACK = {"l_0": "reference_strain", "reference_strain": "l_0"}
# Of what a long list is shown where nothing is near a word.
_GEOMETRY = "knee."


def row_of(table: ParameterTable, test: str, name: str) -> int:
    """Return the row of a parameter that has a value of its own.

    Parameters
    ----------
    table : ParameterTable
        All parameters.
    test : str
        For which test; its name, in front of what is its own, may be left out.
    name : str
        Like `mcl.k` or `flex60.mcl.l_0`.

    Raises
    ------
    ParameterError
        If there is no such parameter, it is another test's, or it is tied to another.
    """
    own = f"{test}.{name}"
    declared = own if test and own in table.roots else name
    if declared not in table.roots:
        raise ParameterError(_unknown(table, test, name))
    owner = declared.partition(".")[0]
    if owner in table.tests and owner != test:
        raise ParameterError(f"{name}: is test {owner}'s own, and this is about test {test}")
    row = table.roots[declared]
    root = table.parameters[row].name
    if root != declared:
        raise ParameterError(f"{name}: is tied to {root}; change that")
    return row


def _unknown(table: ParameterTable, test: str, name: str) -> str:
    """Say what to do about a name that the table has not."""
    owner, _, key = name.rpartition(".")
    other = f"{owner}.{_SLACK.get(key, '')}"
    for known in (f"{test}.{other}", other):
        if known in table.roots:
            return f"{name}: follows from {known}, which is a parameter here; change that"
    if any(name == quantity.key for quantity in ERROR):
        return f"{name}: is not in the configuration; add it there, as a number or a distribution"
    names = [known for known in table.roots if known.partition(".")[0] not in table.tests]
    names += [known.removeprefix(f"{test}.") for known in table.roots if test and known.startswith(f"{test}.")]
    remedy = did_you_mean(name, list(dict.fromkeys(names)))
    if not remedy.startswith("did"):  # the geometry has numbers by the dozen
        remedy = did_you_mean(name, [known for known in names if not known.startswith(_GEOMETRY)])
        remedy += ", and the geometry's numbers like knee.mcl.femur.x"
    return f"{name}: unknown parameter; {remedy}"


def check_value(name: str, quantity: Quantity, value: float) -> None:
    """Refuse a value that a quantity cannot have.

    Raises
    ------
    ParameterError
        Saying what it has to be.
    """
    if quantity.positive and not value > 0.0:
        raise ParameterError(f"{name} = {value:g}: has to be positive")
    if quantity.key == "reference_strain" and not value > -1.0:
        raise ParameterError(f"{name} = {value:g}: has to be above -1, where the slack length is infinite")
    if quantity.key == "rolling" and not 0.0 <= value <= 1.0:
        raise ParameterError(f"{name} = {value:g}: has to be between 0 (slides) and 1 (rolls)")
