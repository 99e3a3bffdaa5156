"""What the general model's configuration may not say: one line, exit code 2, nothing written."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from bad_general import DATA, TEXT, Change, add
from bad_knees import GEOMETRY, STRANDS
from bad_knees_prior import FILES as KNEES_FILES
from bad_knees_prior import KNEES
from bad_tests import ERRORS, TESTS
from bad_values import LITERATURE, PRIORS, TIES
from conftest import Result

from calibrate import ConfigError, Posterior, load_config

ALL = {
    f"{kind}: {name}": bad
    for kind, table in {
        "tie": TIES,
        "prior": PRIORS,
        "published value": LITERATURE,
        "knees": KNEES,
        "strand": STRANDS,
        "geometry": GEOMETRY,
        "test": TESTS,
        "errors": ERRORS,
    }.items()
    for name, bad in table.items()
}
HEAD = "angle_deg,moment_Nm,direction\n-6,-9.1,1\n"
FILES = {
    **DATA,
    **KNEES_FILES,
    "sigma.csv": "angle_deg,moment_Nm,sigma_Nm\n-6,-9.1,0.5\n0,0.2,0.5\n6,8.8,0.5\n",
    "force.csv": "angle_deg,force_N\n-6,-29.1\n0,0.2\n6,28.8\n",
    "many.csv": "angle_deg,moment_Nm\n" + "".join(f"{-6 + i * 0.02:.2f},{-9 + i * 0.03:.2f}\n" for i in range(501)),
    "two.csv": f"{HEAD}3,4.2,2\n",
    "zero.csv": f"{HEAD}3,4.2,0\n",
    "half.csv": f"{HEAD}3,4.2,0.5\n",
    "blank.csv": f"{HEAD}3,4.2,\n",
    "up.csv": HEAD.replace(",1", ",up"),
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all data files, that is the working one."""
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def changed(changes: list[Change]) -> str:
    text = TEXT
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


@pytest.mark.parametrize("name", ALL)
def test_what_cannot_be_meant_is_refused_in_one_line(name: str, place: Path, command: Callable[..., Result]) -> None:
    changes, says = ALL[name]
    (place / "knee.toml").write_text(changed(changes))
    before = sorted(place.iterdir())
    result = command("run", "knee.toml", "-o", "run.h5")
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1), result
    assert re.search(says, result.err), result.err
    assert result.err[:-1].isprintable()
    assert len(result.err) < 450
    assert not re.search(r"pydantic|Input should|Traceback|validation error|<\w", result.err), result.err
    assert sorted(place.iterdir()) == before


def test_without_a_change_all_of_it_is_accepted(place: Path) -> None:
    (place / "knee.toml").write_text(TEXT)
    posterior = Posterior.from_config(load_config("knee.toml"))
    assert posterior.names == ("mcl.k",)


def test_a_strand_is_not_taken_for_another_whose_name_ends_alike(place: Path) -> None:
    changes = [
        ("tibia = [-31.4, -62.3, 2.5]", "tibia = [-31.4, -31.3, 2.5]"),
        ("reference_strain = 0.02", "l_0 = 31.0"),
    ]
    (place / "knee.toml").write_text(changed(changes))
    assert load_config("knee.toml").parameters.strands["dmcl"].l_0 == 31.0  # the MCL's attachments are 95 mm apart
    (place / "knee.toml").write_text(changed(changes).replace("l_0 = 31.0", "l_0 = 90.0"))
    with pytest.raises(ConfigError, match=r"parameters\.dmcl\.l_0 = 90 mm, but its attachments are 33\.7 mm apart"):
        load_config("knee.toml")


def test_a_tests_own_slack_length_is_compared_with_its_own_attachments(place: Path) -> None:
    own = add("parameters.mcl.l_0 = 45.0\nknee.mcl.tibia = [-36.0, -46.0]")
    (place / "knee.toml").write_text(changed(own))
    assert load_config("knee.toml").resolved("flex60.mcl.l_0") == 45.0
    (place / "knee.toml").write_text(changed(add("parameters.mcl.l_0 = 45.0")))
    with pytest.raises(ConfigError, match=r"flex60\.parameters\.mcl\.l_0 = 45 mm, but its attachments are 94\.9 mm"):
        load_config("knee.toml")


def test_names_of_strands_are_those_of_nothing_in_python(place: Path) -> None:
    for name in ("strands", "items", "copy", "model_fields", "attachments", "json"):
        (place / "knee.toml").write_text(TEXT.replace("dmcl", name))
        posterior = Posterior.from_config(load_config("knee.toml"))
        assert posterior.strands == ("mcl", "lcl", name)
        assert posterior.law([50.0], "flex30")[0, 2, 0] == 30.0
