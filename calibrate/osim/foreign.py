"""New values in the ligaments of somebody else's model: where they stand, and what changes there.

Only what OpenSim reads is changed: the first element of a name within the ligament, and there the one text. Where
OpenSim would find no value (none, several texts, elements among them), there is one afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping

from numpy.typing import ArrayLike

from calibrate.errors import ExportError
from calibrate.osim.ligament import LIGAMENT, properties
from calibrate.osim.names import find, listed, remedy
from calibrate.osim.places import Ligament, read
from calibrate.osim.strands import strands

_LONGEST_INDENT = 1000


class ForeignModel:
    """A user's model.

    Parameters
    ----------
    content : bytes
        The file.
    source : str
        Its name, for messages.

    Raises
    ------
    ExportError
        If OpenSim would not read it, or it is no model.
    """

    def __init__(self, content: bytes, source: str = "model") -> None:
        self._content = content
        self._source = source
        self._ligaments = read(content, source)

    def updated(self, ligaments: Mapping[str, ArrayLike]) -> bytes:
        """Return the file with new values for named ligaments; every other byte stays as it is.

        Parameters
        ----------
        ligaments : mapping of str to array_like, shape (4,)
            `[k, alpha, l_0, f_ref]` by the ligament's name in the model.

        Returns
        -------
        bytes
            The model with `linear_stiffness`, `transition_strain` and `slack_length` replaced, or put in where missing.

        Raises
        ------
        ExportError
            If there is no such ligament, several of them, or one of another kind.
        """
        edits: dict[int, tuple[int, bytes]] = {}
        chosen: dict[int, str] = {}
        for name, parameters in ligaments.items():
            ligament = self._find(name)
            if ligament.opening in chosen:
                raise ExportError(f"{self._source}: '{chosen[ligament.opening]}' and '{name}' are one ligament")
            chosen[ligament.opening] = name
            edits |= self._edits(ligament, properties(parameters))
        pieces, at = [], 0
        for start, (end, text) in sorted(edits.items()):
            pieces += [self._content[at:start], text]
            at = end
        return b"".join([*pieces, self._content[at:]])

    def remarks(self, chosen: Mapping[str, str]) -> list[str]:
        """Return what a user should know about the ligaments chosen.

        Parameters
        ----------
        chosen : mapping of str to str
            Names in the model by "mcl" and "lcl".

        Returns
        -------
        list of str
            A sentence for a ligament that is one strand of several, is switched off, or that OpenSim may not look at.
        """
        sentences = []
        names = [ligament.name.shown for ligament in self._ligaments if ligament.kind == LIGAMENT and ligament.in_list]
        for kind, name in chosen.items():
            ligament = self._find(name)
            alike = strands(ligament.name.shown, names, kind)
            if len(alike) > 1:
                sentences.append(
                    f"{kind}: the whole stiffness goes into '{ligament.name.shown}', one of {len(alike)} strands that "
                    f"look like one ligament: {listed(alike)}"
                )
            if not ligament.in_list:
                sentences.append(
                    f"{kind}: '{ligament.name.shown}' stands outside of <objects> and <components>, where OpenSim "
                    "looks for forces; check that it reads it"
                )
            if ligament.switch:
                sentences.append(f"{kind}: '{ligament.name.shown}' has {ligament.switch}: OpenSim does not let it pull")
        return sentences

    def _find(self, name: str) -> Ligament:
        ours = [ligament for ligament in self._ligaments if ligament.kind == LIGAMENT]
        seen = [ligament for ligament in ours if not ligament.unread]
        found = find(name, seen, lambda ligament: ligament.name)
        found = [ligament for ligament in found if ligament.in_list] or found
        if len(found) > 1:
            raise ExportError(
                f"{self._source}: {len(found)} ligaments are called '{name}'; give them names of their own"
            )
        if not found:
            raise ExportError(f"{self._source}: {self._missing(name, ours, seen)}")
        if found[0].empty:
            raise ExportError(f"{self._source}: '{name}' is empty, without a path; give one that the model uses")
        return found[0]

    def _missing(self, name: str, ours: list[Ligament], seen: list[Ligament]) -> str:
        unread = find(name, ours, lambda ligament: ligament.name)
        if unread:
            return f"'{name}' is not read by OpenSim: {unread[0].unread}"
        others = find(name, self._ligaments, lambda ligament: ligament.name)
        if others:
            return f"'{name}' is a {others[0].kind}; only a {LIGAMENT} has this law"
        return f"no {LIGAMENT} is called '{name}'; {remedy(name, [ligament.name.shown for ligament in seen])}"

    def _edits(self, ligament: Ligament, values: Mapping[str, float]) -> dict[int, tuple[int, bytes]]:
        """Return what to put in place of which bytes: `{start: (end, text)}`."""
        edits = {}
        # What stands before the first child, a line break and its indent, also suits the children put in.
        indent = self._content[ligament.opening : self._content.index(b"<", ligament.opening)]
        if indent.strip() or len(indent) > _LONGEST_INDENT:
            indent = b""
        missing = b""
        for name, value in values.items():
            tag, text = name.encode(), repr(value).encode()
            spot = ligament.spots.get(tag)
            if spot is None:
                missing += indent + b"<%b>%b</%b>" % (tag, text, tag)
            else:
                edits[spot.start] = spot.end, spot.before + text + spot.after
        if missing:
            edits[ligament.opening] = ligament.opening, missing
        return edits


def update_model(model: bytes, ligaments: Mapping[str, ArrayLike], source: str = "model") -> bytes:
    """Put new values into named ligaments of a model; see `ForeignModel`, which also has remarks.

    Parameters
    ----------
    model : bytes
        The file.
    ligaments : mapping of str to array_like, shape (4,)
        `[k, alpha, l_0, f_ref]` by the ligament's name in the model.
    source : str
        The file's name, for messages.

    Returns
    -------
    bytes
        The model with `linear_stiffness`, `transition_strain` and `slack_length` replaced, or put in where missing.

    Raises
    ------
    ExportError
        If it is no OpenSim model, or has no such ligament, several of them, or one of another kind.
    """
    return ForeignModel(model, source).updated(ligaments)
