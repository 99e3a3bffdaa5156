"""New values in the ligaments of somebody else's model: where they stand, and what changes there.

Only what OpenSim reads is changed: the first element of a name within the ligament, and there the one text. Where
OpenSim would find no value (none, several texts, elements among them), there is one afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from numpy.typing import ArrayLike

from calibrate.errors import ExportError
from calibrate.osim.ligament import LIGAMENT, properties
from calibrate.osim.names import find, listed, printable, remedy
from calibrate.osim.places import Ligament, read
from calibrate.osim.sharing import account, number, shared
from calibrate.osim.strands import crossed, strands

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
        chosen = self.chosen({name: [name] for name in ligaments})
        return self._rewritten([(chosen[name][0], properties(values)) for name, values in ligaments.items()])

    def shared_out(
        self, mapping: Mapping[str, Sequence[str]], parameters: Mapping[str, ArrayLike]
    ) -> tuple[bytes, list[str]]:
        """Return the file with each strand of ours shared out over some of its ligaments; see `osim.sharing`.

        Parameters
        ----------
        mapping : mapping of str to sequence of str
            Names in the model by our strand's name.
        parameters : mapping of str to array_like, shape (4,)
            `[k, alpha, l_0, f_ref]` by our strand's name.

        Returns
        -------
        bytes
            The model with new values; every other byte stays as it is.
        list of str
            A sentence for each strand of ours on what it has become.

        Raises
        ------
        ExportError
            If there is no such ligament, several of them, one of another kind, one named twice, or one without a
            positive stiffness or slack length to share by.
        """
        rewritten: list[tuple[Ligament, dict[str, float]]] = []
        sentences = []
        for ours, theirs in self.chosen(mapping).items():
            old = [0.0]
            new = [properties(parameters[ours])]
            if len(theirs) > 1:
                old = [self._positive(ligament, b"slack_length") for ligament in theirs]
                new = shared(
                    parameters[ours], [self._positive(ligament, b"linear_stiffness") for ligament in theirs], old
                )
            rewritten += zip(theirs, new, strict=True)
            sentences.append(account(ours, [ligament.name.shown for ligament in theirs], new, old))
        return self._rewritten(rewritten), sentences

    def remarks(self, mapping: Mapping[str, Sequence[str]]) -> list[str]:
        """Return what a user should know about the ligaments chosen.

        Parameters
        ----------
        mapping : mapping of str to sequence of str
            Names in the model by our strand's name.

        Returns
        -------
        list of str
            A sentence for strands that were left out, for a ligament that is called like one of the knee's other side,
            is switched off, or that OpenSim may not look at.
        """
        sentences = []
        chosen = self.chosen(mapping)
        taken = {ligament.name.shown for theirs in chosen.values() for ligament in theirs}
        for ours, theirs in chosen.items():
            sentences += self._left_out(ours, [ligament.name.shown for ligament in theirs], taken)
            for ligament in theirs:
                name = f"{ours}: '{ligament.name.shown}'"
                if crossed(ours, ligament.name.shown):
                    sentences.append(f"{name} is called like a ligament of the knee's other side; check the map")
                if not ligament.in_list:
                    sentences.append(
                        f"{name} stands outside of <objects> and <components>, where OpenSim looks for forces; check "
                        "that it reads it"
                    )
                if ligament.switch:
                    sentences.append(f"{name} has {ligament.switch}: OpenSim does not let it pull")
        return sentences

    def chosen(self, mapping: Mapping[str, Sequence[str]], *, any_kind: bool = False) -> dict[str, list[Ligament]]:
        """Return the ligaments that a map names, as OpenSim reads them.

        Parameters
        ----------
        mapping : mapping of str to sequence of str
            Names in the model, as a user may write them, by our strand's name.
        any_kind : bool
            Take ligaments of all laws; by default only those of the law that values can be written to.

        Raises
        ------
        ExportError
            If there is no such ligament, or several, or one is named twice.
        """
        found: dict[str, list[Ligament]] = {}
        named: dict[int, str] = {}
        for ours, names in mapping.items():
            found[ours] = []
            for name in names:
                ligament = self._find(name, any_kind)
                if ligament.opening in named:
                    before = named[ligament.opening]
                    what = f"'{name}' is named twice" if before == name else f"'{before}' and '{name}' are one ligament"
                    raise ExportError(f"{self._source}: {what}; name each once")
                named[ligament.opening] = name
                found[ours].append(ligament)
        return found

    def _left_out(self, ours: str, chosen: Sequence[str], taken: set[str]) -> list[str]:
        """Say which strands look like parts of the same ligament and get nothing of it, if there are any."""
        names = [ligament.name.shown for ligament in self._ligaments if ligament.kind == LIGAMENT and ligament.in_list]
        alike = {name for one in chosen for name in strands(one, names, ours)}
        if not alike - taken:
            return []
        into = ", ".join(f"'{name}'" for name in chosen)
        return [
            f"{ours}: the whole stiffness goes into {into}, {len(chosen) if len(chosen) > 1 else 'one'} of "
            f"{len(alike | set(chosen))} strands that look like one ligament: "
            f"{listed([name for name in names if name in alike])}"
        ]

    def _positive(self, ligament: Ligament, tag: bytes) -> float:
        """Return a property that several strands are shared out by."""
        text = ligament.spots[tag].text if tag in ligament.spots else b""
        value = number(text)
        if value is None or value <= 0:
            found = f"{tag.decode()} = {printable(text.decode('utf-8', 'replace'))}" if text else f"no {tag.decode()}"
            raise ExportError(
                f"{self._source}: '{ligament.name.shown}' has {found}; one strand is shared out over several in "
                "proportion to their stiffness, and their slack lengths are scaled, so both have to be positive"
            )
        return value

    def _rewritten(self, new: Sequence[tuple[Ligament, Mapping[str, float]]]) -> bytes:
        """Return the file with new properties of some ligaments."""
        edits: dict[int, tuple[int, bytes]] = {}
        for ligament, values in new:
            edits |= self._edits(ligament, values)
        pieces, at = [], 0
        for start, (end, text) in sorted(edits.items()):
            pieces += [self._content[at:start], text]
            at = end
        return b"".join([*pieces, self._content[at:]])

    def _find(self, name: str, any_kind: bool) -> Ligament:
        """Return the ligament of a name."""
        ours = [ligament for ligament in self._ligaments if any_kind or ligament.kind == LIGAMENT]
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
