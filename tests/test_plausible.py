"""Numbers that cannot be meant are refused with the unit that was meant; what nobody has measured is warned of."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import BOX, KNEE, Result, config_text

from calibrate import chain, open_run
from calibrate.config import Config, load_config, parse_config
from calibrate.data import read_measurement, stored_measurement
from calibrate.errors import CalibrateError, ConfigError, DataError
from calibrate.examples import example
from calibrate.plausible import QUANTITIES
from calibrate.posterior import Posterior

REAL = BOX.read_text()
DATA = example("oks009_30deg.csv").read_text()
MOMENT = "moment_Nm"


def replaced(*changes: tuple[str, str], text: str = REAL) -> str:
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def scaled(factor: float, *keys: str) -> str:
    """Return the real knee with the numbers of some keys in another unit."""
    lines = []
    for line in REAL.splitlines():
        key = line.split("=")[0].strip()
        content, hash_sign, comment = line.partition("#")
        if key in keys:
            name, _, rest = content.partition("=")
            rest = re.sub(r"-?\d+\.\d+", lambda number: repr(float(number[0]) * factor), rest)
            content = f"{name}={rest}"
        lines.append(content + hash_sign + comment)
    return "\n".join(lines) + "\n"


GEOMETRY = ("lateral_condyle", "medial_condyle", "application_point", "mcl", "lcl")
CONFIGURATIONS = {
    "geometry in metres": (scaled(1e-3, *GEOMETRY), r"lateral_condyle\.radius = 0\.0155 mm means.*is it in metres\?"),
    "geometry in centimetres": (scaled(0.1, *GEOMETRY), r"radius = 1\.55 mm means.*is it in centimetres or inches\?"),
    "geometry in inches": (scaled(1 / 25.4, *GEOMETRY), r"radius = 0\.610236 mm means.*is it in inches\?"),
    "one condyle in metres": (scaled(1e-3, "medial_condyle"), r"medial_condyle\.radius = 0\.0175.*metres"),
    "one centre in metres": (replaced(("[23.5, -6.0]", "[0.0235, -0.006]")), r"condyles' centres = 21\.2.* mm means"),
    "one centre in centimetres": (replaced(("[-20.4, -6.0]", "[-2.04, -0.6]")), r"centre"),
    "attachments in centimetres": (
        scaled(0.1, "mcl"),
        r"knee\.mcl: the distance of .* = 8\.06.*centimetres",
    ),
    "attachments in metres": (scaled(1e-3, "lcl"), r"knee\.lcl: the distance of its attachments = 0\.0554.*metres"),
    "one attachment in centimetres": (
        replaced(("[-16.0, -65.0]", "[-1.6, -6.5]")),
        r"knee\.mcl\.tibia .*above",
    ),
    "one attachment in metres": (
        replaced(("[-40.0, 12.0]", "[-0.04, 0.012]")),
        r"knee\.mcl\.femur .*on the wrong side",
    ),
    "attachment with a sign lost": (replaced(("[44.8, -50.7]", "[44.8, 50.7]")), r"knee\.lcl\.tibia .*above"),
    "attachment too low": (replaced(("[36.0, 4.0]", "[36.0, -40.0]")), r"knee\.lcl\.femur .*below the joint line"),
    "ligaments exchanged": (
        replaced(("mcl = { f", "xcl = { f"), ("lcl = { f", "mcl = { f"), ("xcl = { f", "lcl = { f")),
        r"knee\.mcl\.femur = \[36, 4\] lies on the wrong side",
    ),
    "attachments coincide": (replaced(("[-16.0, -65.0]", "[-40.0, 12.0]")), r"knee: mcl: .*coincide"),
    "attachments nearly coincide": (
        replaced(("[-16.0, -65.0]", "[-40.0, 12.01]")),
        r"knee\.mcl: .* = 0\.01 mm",
    ),
    "radius of a metre": (replaced(("radius = 15.5", "radius = 1000")), r"lateral_condyle\.radius = 1000 mm means"),
    "radius in micrometres": (
        replaced(("radius = 15.5", "radius = 15500")),
        r"radius = 15500 mm .*in micrometres",
    ),
    "ankle in metres": (replaced(("[0.0, -403.0]", "[0.0, -0.403]")), r"application_point: its distance .* mm means"),
    "ankle in centimetres": (replaced(("[0.0, -403.0]", "[0.0, -40.3]")), r"application_point: its distance"),
    "alpha in per cent": (scaled(100.0, "alpha"), r"parameters\.mcl\.alpha = 2 to 12 means.*is it in per cent\?"),
    "alpha of 6": (
        replaced(("alpha = { lower = 0.02, upper = 0.12 }", "alpha = 6")),
        r"parameters\.mcl\.alpha = 6 means nothing in a knee \(0\.01 to 0\.3 is known\); is it in per cent\?",
    ),
    "alpha in per mille": (
        replaced(("alpha = { lower = 0.02, upper = 0.12 }", "alpha = 60.0")),
        r"parameters\.mcl\.alpha = 60 means nothing.*is it in per mille\?",
    ),
    "k in N/m": (scaled(1e3, "k"), r"parameters\.mcl\.k = 5000 to 200000 N/mm means.*is it in N/m or"),
    "k in N/m, fixed": (replaced(("k = { lower = 5.0, upper = 200.0 }", "k = 70000")), r"k = 70000 N/mm .*in N/m\?"),
    "k in kN/mm": (replaced(("k = { lower = 5.0, upper = 200.0 }", "k = 0.07")), r"k = 0\.07 N/mm .*in kN/mm\?"),
    "k per strain": (replaced(("k = { lower = 5.0, upper = 200.0 }", "k = 2200")), r"k = 2200 N/mm .*N per strain"),
    "l_0 in metres": (scaled(1e-3, "l_0"), r"parameters\.mcl\.l_0 = 0\.07 to 0\.1 mm means.*is it in metres\?"),
    "l_0 in centimetres": (
        replaced(("l_0 = { lower = 70.0, upper = 100.0 }", "l_0 = 8.1")),
        r"8\.1 mm .*centimetres",
    ),
    "l_0 a strain": (replaced(("l_0 = { lower = 70.0, upper = 100.0 }", "l_0 = 0.03")), r"l_0 = 0\.03 mm means"),
    "l_0 of another joint": (replaced(("l_0 = { lower = 70.0, upper = 100.0 }", "l_0 = 35.0")), r"are 80\.7 mm apart"),
    "l_0 far too long": (
        replaced(("l_0 = { lower = 45.0, upper = 75.0 }", "l_0 = { lower = 150, upper = 200 }")),
        r"parameters\.lcl\.l_0 = 150 to 200 mm, but its attachments are 55\.4 mm apart",
    ),
    "f_ref in mN": (replaced(("f_ref = 0.0", "f_ref = 20000.0")), r"f_ref = 20000 N means.*is it in mN\?"),
    "f_ref bounds": (
        replaced(("f_ref = 0.0", "f_ref = { lower = -9000, upper = -5000 }")),
        r"-9000 to -5000 N",
    ),
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_configurations_that_cannot_be_meant_are_refused(name: str, tmp_path: Path) -> None:
    text, says = CONFIGURATIONS[name]
    (tmp_path / "knee.toml").write_text(text)
    with pytest.raises(ConfigError) as error:
        load_config(tmp_path / "knee.toml")
    message = str(error.value)
    assert message.startswith(f"{tmp_path / 'knee.toml'}: ")
    assert re.search(says, message), message
    assert message.isprintable()
    assert len(message) - len(str(tmp_path)) < 250


def written(tmp_path: Path, config: str = REAL, data: str = DATA) -> Path:
    (tmp_path / "knee.toml").write_text(config)
    (tmp_path / "oks009_30deg.csv").write_text(data)
    return tmp_path / "knee.toml"


def posterior_of(tmp_path: Path, config: str = REAL, data: str = DATA) -> Posterior:
    return Posterior.from_config(load_config(written(tmp_path, config, data)))


def with_loads(factor: float, name: str = MOMENT) -> str:
    return of_rows(lambda angle, load: (angle, factor * load), name)


def of_rows(change: Callable[[float, float], tuple[float, float]], load: str = MOMENT, angle: str = "angle_deg") -> str:
    rows = [line for line in DATA.splitlines() if line and line[0] not in "#a"]
    numbers = [change(*map(float, row.split(","))) for row in rows]
    return f"{angle},{load}\n" + "".join(f"{a!r},{b!r}\n" for a, b in numbers)


SIGMA = "sigma = { lower = 0.05, upper = 5.0 }"
MEASUREMENTS = {
    "N·mm": (with_loads(1e3), r"line 16: the largest moment_Nm = 9650 N·m means.*is it in N·mm"),
    "N·cm": (with_loads(1e2), r"line 16: the largest moment_Nm = 965 N·m means.*is it in N·mm or N·cm\?"),
    "mN": (with_loads(2.5e3, "force_N"), r"the largest force_N = 24125 N means.*is it in mN\?"),
    "radians": (
        of_rows(lambda a, b: (np.deg2rad(a).item(), b)),
        r"line 16: the largest angle_deg = 0\.110654 degrees means.*is it in radians\?",
    ),
    "degrees in angle_rad": (of_rows(lambda a, b: (a, b), angle="angle_rad"), r"beyond 45.*name it angle_deg"),
    "sigma in N·mm": (
        "angle_deg,moment_Nm,sigma_Nm\n-4.5,-6.5,300\n5.5,5.0,200\n",
        r"line 2: sigma_Nm = 300 N·m means.*is it in N·mm",
    ),
}


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_measurements_that_cannot_be_meant_are_refused(name: str, tmp_path: Path) -> None:
    text, says = MEASUREMENTS[name]
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(DataError) as error:
        read_measurement(tmp_path / "x.csv")
    message = str(error.value)
    assert message.startswith(str(tmp_path / "x.csv"))
    assert re.search(says, message), message
    assert message.isprintable()


@pytest.mark.parametrize(
    ("sigma", "says"),
    [
        ("sigma = 1000", r"noise\.sigma = 1000 N or N·m means.*is it in N·mm or mN\?"),
        ("sigma = 240", r"noise\.sigma = 240 N·m means.*is it in N·mm"),
        ("sigma = 100.0", r"noise\.sigma = 100 N·m means.*is it in N·mm"),
        ("sigma = { lower = 50, upper = 5000 }", r"noise\.sigma = 50 to 5000 N·m means.*is it in N·mm"),
    ],
)
def test_sigma_is_judged_in_the_unit_of_the_data(sigma: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=says):
        posterior_of(tmp_path, replaced((SIGMA, sigma)))
    # 100 N are much, but a sigma of a force.
    if "100." in sigma:
        assert any(
            "sigma = 100 N:" in text
            for text in posterior_of(tmp_path, replaced((SIGMA, sigma)), with_loads(20.0, "force_N")).warnings
        )


WARNED = {
    "loads of 96.5": (REAL, DATA.replace("9.65", "96.5"), r"the largest moment_Nm = 96\.5 N·m: nobody has measured"),
    "loads of pound-inches": (REAL, with_loads(8.85), r"the largest moment_Nm = 85\.4.*nobody has measured"),
    "kN": (REAL, with_loads(0.02, "force_N"), r"the largest force_N = 0\.193 N: nobody has measured"),
    "kN·m": (REAL, with_loads(1e-3), r"the largest moment_Nm = 0\.00965 N·m: nobody has measured"),
    "sign": (REAL, with_loads(-1.0), r"the loads fall as the angles rise \(correlation -0\.9\d\).*change its sign"),
    "sign of the angles": (REAL, of_rows(lambda a, b: (-a, b)), r"the loads fall as the angles rise"),
    "nothing": (REAL, with_loads(0.0), r"all loads are 0: nothing was measured"),
    "nothing turned": (REAL, of_rows(lambda a, b: (5.0, b)), r"all angles are 5: nothing was turned"),
    "half a degree": (REAL, of_rows(lambda a, b: (a / 10, b)), r"the largest angle_deg = 0\.634 degrees: nobody"),
    "a radius of 42": (
        replaced(("radius = 15.5", "radius = 42"), ("radius = 17.5", "radius = 39")),
        DATA,
        r"radius = 42 mm",
    ),
    "k of 1": (
        replaced(("k = { lower = 5.0, upper = 200.0 }", "k = 1.0")),
        DATA,
        r"mcl\.k = 1 N/mm: nobody",
    ),
    "alpha of 0.4": (
        replaced(("alpha = { lower = 0.02, upper = 0.12 }", "alpha = 0.4")),
        DATA,
        r"parameters\.mcl\.alpha = 0\.4: nobody has measured that in a knee \(0\.01 to 0\.3 is known\)",
    ),
    "alpha to 12": (replaced(("upper = 0.12", "upper = 12.0")), DATA, r"alpha: bounds 0\.02 to 12 reach far.*upper"),
    "k to 100,000": (replaced(("upper = 200.0", "upper = 1e5")), DATA, r"mcl\.k: bounds 5 to 100000 reach far beyond"),
    "l_0 to 500": (
        replaced(("lower = 70.0, upper = 100.0", "lower = 10, upper = 500")),
        DATA,
        r"l_0: bounds 10 to 500 reach far",
    ),
    "sigma to 50": (replaced(("upper = 5.0", "upper = 50.0")), DATA, r"noise\.sigma: bounds 0\.05 to 50 reach far"),
    "sigma of 10": (replaced((SIGMA, "sigma = 10.0")), DATA, r"noise\.sigma = 10 N·m: nobody"),
}


@pytest.mark.parametrize("name", WARNED)
def test_what_nobody_has_measured_is_warned_of(name: str, tmp_path: Path) -> None:
    config, data, says = WARNED[name]
    warnings = posterior_of(tmp_path, config, data).warnings
    assert len([text for text in warnings if re.search(says, text)]) == 1, warnings
    assert all(text.isprintable() for text in warnings)


LEGAL = {
    "bundled": REAL,
    "k to 500": replaced(("upper = 200.0", "upper = 500.0")),
    "k from 0": replaced(("lower = 5.0", "lower = 0.0")),
    "k to 1000": replaced(("upper = 200.0", "upper = 1000")),
    "alpha to 0.3": replaced(("lower = 0.02, upper = 0.12", "lower = 0.001, upper = 0.3")),
    "l_0 from 30 to 120": replaced(("lower = 70.0, upper = 100.0", "lower = 30, upper = 120")),
    "tare": replaced(("f_ref = 0.0", "f_ref = { lower = -30, upper = 30 }")),
    "sliding": replaced(("rolling = 1.0", "rolling = 0.0")),
    "another knee": REAL.replace(REAL[REAL.index("[knee]") : REAL.index("[parameters.mcl]")], KNEE),
    "no ankle": replaced(("application_point", "# application_point")),
}


@pytest.mark.parametrize("name", LEGAL)
def test_what_people_write_is_neither_refused_nor_warned_of(name: str, tmp_path: Path) -> None:
    text = LEGAL[name]
    if name == "another knee":
        text = text.replace("lower = 70.0, upper = 100.0", "lower = 80.0, upper = 100.0")
    assert posterior_of(tmp_path, text).warnings == ()


@pytest.mark.parametrize("bounds", ["k = { lower = 0, upper = 5000 }", "k = { lower = 0, upper = 1e5 }"])
def test_wide_bounds_are_warned_of_at_the_most(bounds: str, tmp_path: Path) -> None:
    posterior = posterior_of(tmp_path, replaced(("k = { lower = 5.0, upper = 200.0 }", bounds)))
    assert [text for text in posterior.warnings if "k: bounds 0 to" in text] == list(posterior.warnings)


def test_measured_ranges_lie_within_those_with_a_meaning_and_units_are_told_apart() -> None:
    for name, quantity in QUANTITIES.items():
        assert quantity.meaning[0] <= quantity.measured[0] < quantity.measured[1] <= quantity.meaning[1], name
        for unit, factor in quantity.mistaken.items():
            typical = (quantity.measured[0] + quantity.measured[1]) / 2.0 or quantity.measured[1]
            assert factor > 0.0, unit
            assert typical / factor > typical or factor >= 1.0, unit


def test_runs_that_were_made_before_still_open(tmp_path: Path) -> None:
    # As an older version stored it: per cent, N·mm, and a row that looked like a comment.
    text = config_text(noise="sigma = 100.0", extra="[sampling]\nensembles = 2\nwalkers = 12\n")
    resolved = json.loads(parse_config(text).model_dump_json())
    resolved["parameters"]["mcl"]["alpha"] = {"lower": 2.0, "upper": 12.0}
    resolved["knee"]["lateral_condyle"]["radius"] = 3.0
    config = Config.model_validate_json(json.dumps(resolved))
    measurement = stored_measurement("angle_deg,moment_Nm\n-4,-4000\n#N/A,5\n5,-6000\n6,-7000\n7,-9000\n", "x.csv")
    posterior = Posterior.from_config(config, measurement)
    starts = np.tile(0.5 * (posterior.lower + posterior.upper), (2, 12, 1))
    origin = chain.new_origin(config, {"": measurement}, posterior.names, starts)
    chain.create(tmp_path / "old.h5", origin, starts)
    run = open_run(tmp_path / "old.h5")
    assert run.measurement.loads.size == 4
    for says in (
        "alpha = 2 to 12 means",
        "radius = 3 mm means",
        "sigma = 100 N·m means",
        "moment_Nm = -9000 N·m means",
    ):
        assert any(says in text for text in run.posterior.warnings)


@pytest.mark.parametrize("name", ["alpha of 6", "geometry in metres", "k in N/m"])
def test_commands_refuse_in_one_line_and_write_nothing(
    name: str, tmp_path: Path, command: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, CONFIGURATIONS[name][0])
    before = sorted(path.name for path in tmp_path.iterdir())
    for arguments in (("run", "knee.toml", "-o", "run.h5"), ("simulate", "knee.toml", "-o", "new.csv")):
        result = command(*arguments)
        assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
        assert "knee.toml: " in result.err
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_every_refusal_is_an_error_of_ours() -> None:
    with pytest.raises(CalibrateError, match="configuration: parameters"):
        parse_config(CONFIGURATIONS["alpha of 6"][0])
