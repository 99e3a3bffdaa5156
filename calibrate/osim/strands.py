"""Names that look like strands of one ligament: MCL1 to MCL5, MCLd and MCLs, aMCL and pMCL, MCL_deep_r."""

from __future__ import annotations

import re
from collections.abc import Sequence

# A knee's side as models write it: MCL_r, r_MCL, MCL1r, right_MCL; with the ligament's letters also rMCL and MCLr.
_SIDE = r"(?:^|[_\W\d])(right|left|r|l)(?=$|[_\W\d])"
_BESIDE = r"|^(right|left|r|l)(?={kind})|(?<={kind})(right|left|r|l)$"
# The knee's medial and lateral side by what its ligaments are called; "collateral" is no side.
_SIDES = tuple(re.compile(words, re.IGNORECASE) for words in (r"mcl|medial", r"lcl|(?<!col)lateral"))
_NUMBER = re.compile(r"[_\W]*\d+[_\W]*$|[_\W]+[a-zA-Z]$")


def strands(name: str, names: Sequence[str], kind: str) -> list[str]:
    """Return the names that look like strands of one ligament with `name`, itself among them.

    Parameters
    ----------
    name : str
        The one that was asked for.
    names : sequence of str
        All that there are.
    kind : str
        Our strand's name, like "mcl". Names with these letters belong together; where `name` has them not, those that
        differ by a number or a last letter do. The other knee's do not.

    Returns
    -------
    list of str
        In the order of `names`.
    """
    kind = kind.lower()
    core = kind if kind in name.lower() else _stem(name)
    alike = [other for other in names if core == (kind if kind in other.lower() else _stem(other))]
    side = side_of(name, kind)
    return [other for other in alike if other == name or not side or side_of(other, kind) in ("", side)]


def crossed(ours: str, theirs: str) -> bool:
    """Tell whether two names speak of the knee's two sides, as "mcl" and "LCL_r" do; a name may speak of none."""
    first, second = ([words.search(name) is not None for words in _SIDES] for name in (ours, theirs))
    return sum(first) == sum(second) == 1 and first != second


def side_of(name: str, kind: str) -> str:
    """Return which knee a name speaks of: "r", "l", or "" if it does not say.

    Parameters
    ----------
    name : str
        A ligament's or body's name.
    kind : str
        Letters that a side may stand beside without a mark between them, like "mcl".
    """
    found = re.search(_SIDE + _BESIDE.format(kind=re.escape(kind)), name, re.IGNORECASE)
    return next(filter(None, found.groups()))[0].lower() if found else ""


def _stem(name: str) -> str:
    return _NUMBER.sub("", name.lower()) or name.lower()
