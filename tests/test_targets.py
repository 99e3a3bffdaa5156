"""No command destroys what it reads, and --overwrite replaces only what is of the kind being written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import pytest
from conftest import Result, config_text

from calibrate.config import load_config
from calibrate.errors import ChainError
from calibrate.files import replacing, unfinished
from calibrate.kinds import CHAIN, MEASUREMENT, MODEL, PICTURES
from calibrate.results import open_run
from calibrate.runner import start_run

Command = Callable[..., Result]


@contextmanager
def _hidden(path: Path) -> Iterator[Path]:
    with unfinished(path):
        yield path


OSIM = b'<?xml version="1.0"?>\n<!-- <Other/> -->\n<OpenSimDocument Version="40000"><Model name="m"/></OpenSimDocument>'


@pytest.fixture
def place(folder: Path, finished_run: Path) -> Iterator[Path]:
    """Return a folder with a configuration, its data, a run and a model; at the end they are as they were."""
    (folder / "knee.toml").write_text(config_text(extra="[sampling]\nwalkers = 16\nensembles = 2\n"))
    shutil.copy(finished_run, folder / "run.h5")
    (folder / "theirs.osim").write_bytes(OSIM)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    yield folder
    assert {name: (folder / name).read_bytes() for name in before} == before


READS = {
    "knee.toml": ("run", "simulate", "profile"),
    "bench_toe.csv": ("run", "simulate", "profile"),
    "run.h5": ("export", "model", "repair", "plot", "predict", "design"),
    "theirs.osim": ("model", "knee"),
}
COMMANDS = {
    "run": ("run", "knee.toml", "--max-steps", 3, "--overwrite", "-o"),
    "simulate": ("simulate", "knee.toml", "--overwrite", "-o"),
    "profile": ("profile", "knee.toml", "--angles=-8:8:2", "--workers", 1, "-o"),
    "export": ("export", "run.h5", "--to", "osim", "--overwrite", "-o"),
    "model": ("export", "run.h5", "--to", "osim", "--model", "theirs.osim", "--mcl", "m", "--overwrite", "-o"),
    "knee": ("knee", "theirs.osim", "--strands", "mcl=m", "-o"),
    "repair": ("repair", "run.h5", "-o"),
    "plot": ("plot", "run.h5", "-o"),
    "predict": ("predict", "run.h5", "-o"),
    "design": ("design", "run.h5", "--candidates=8", "-o"),
}
ENDINGS = {"run": ".h5", "repair": ".h5", "simulate": ".csv", "profile": ".png", "export": ".osim", "model": ".osim"}
ENDINGS |= {"predict": ".png", "design": ".png", "knee": ".toml"}


def _symbolic(path: Path, ending: str) -> str:
    link = path.with_name(f"soft{ending}")
    link.symlink_to(path.name)
    return link.name


def _twice(path: Path, ending: str) -> str:
    Path("first").symlink_to(path)
    Path(f"second{ending}").symlink_to("first")
    return f"second{ending}"


def _hard(path: Path, ending: str) -> str:
    link = path.with_name(f"hard{ending}")
    link.hardlink_to(path)
    return link.name


def _folder_link(path: Path, ending: str) -> str:
    Path("elsewhere").symlink_to(path.parent, target_is_directory=True)
    return f"elsewhere/{path.name}"


SPELLINGS: dict[str, Callable[[Path, str], str]] = {
    "plain": lambda path, ending: path.name,
    "dot": lambda path, ending: f"./{path.name}",
    "up and down": lambda path, ending: f"../{path.parent.name}/{path.name}",
    "absolute": lambda path, ending: str(path),
    "slashes": lambda path, ending: f".//.//{path.name}",
    "symbolic link": _symbolic,
    "link to a link": _twice,
    "hard link": _hard,
    "linked folder": _folder_link,
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize(
    ("name", "which"), [(name, which) for which, names in READS.items() for name in names if name != "plot"]
)
def test_an_input_is_never_written_over_however_it_is_spelled(
    name: str, which: str, spelling: str, place: Path, command: Command
) -> None:
    output = SPELLINGS[spelling](place / which, ENDINGS[name])
    result = command(*COMMANDS[name], output)
    assert result.code == 2
    assert result.err.count("\n") == 1
    assert "is what this command reads" in result.err or (
        name in ("profile", "predict", "design") and "no kind of picture" in result.err
    )


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="this system has no names for open files")
@pytest.mark.parametrize("which", ["knee.toml", "bench_toe.csv"])
def test_an_open_file_by_its_number_is_that_file(which: str, place: Path, command: Command) -> None:
    fd = os.open(place / which, os.O_RDWR)
    try:
        for name in ("run", "simulate"):
            result = command(*COMMANDS[name], f"/proc/self/fd/{fd}")
            assert result.code == 2
            assert "is what this command reads" in result.err
    finally:
        os.close(fd)


@pytest.mark.parametrize("link", [Path.hardlink_to, Path.symlink_to])
def test_pictures_are_not_drawn_over_the_run_or_anything_that_is_no_picture(
    link: Callable[[Path, Path], None], place: Path, command: Command
) -> None:
    for which, message in (
        ("run.h5", "is what this command reads"),
        ("knee.toml", "is not a PNG picture"),
        ("theirs.osim", "is not a PNG picture"),
    ):
        pictures = place / f"pictures of {which}"
        pictures.mkdir()
        link(pictures / "trace.png", place / which)
        result = command("plot", "run.h5", "-o", pictures)
        assert result.code == 2
        assert message in result.err
        assert [path.name for path in pictures.iterdir()] == ["trace.png"]


def test_a_file_on_a_folder_that_knows_no_case_is_found_by_its_identity(
    place: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Such a disk gives both spellings one identity, which is all that is looked at.
    true = Path.samefile
    monkeypatch.setattr(Path, "samefile", lambda a, b: str(a).lower() == str(b).lower() or true(a, b))
    monkeypatch.setattr(Path, "exists", lambda self, **_: os.path.exists(str(self).lower()))  # noqa: PTH110  # Path.exists is what is replaced
    result = command(*COMMANDS["simulate"], "BENCH_toe.CSV")
    assert result.code == 2
    assert "is what this command reads" in result.err


MEANT = {
    "run": ("x.csv", "x.osim", "x.png", "x.toml", "x.JSON", "x.npz"),
    "simulate": ("x.h5", "x.HDF5", "x.osim", "x.pdf", "x.toml"),
    "export": ("x.csv", "x.h5", "x.svg", "x.toml", "x.mot"),
    "knee": ("x.osim", "x.h5", "x.csv", "x.yaml"),
    "repair": ("x.csv", "x.osim", "x.jpeg"),
    "profile": ("x.h5", "x.csv", "x.osim", "x"),
    "predict": ("x.h5", "x.csv", "x.osim", "x", "x.tiff"),
    "design": ("x.h5", "x.toml"),
    "plot": ("fig.png", "fig.PDF", "fig.h5", "fig.csv"),
}


@pytest.mark.parametrize(("name", "output"), [(name, output) for name, some in MEANT.items() for output in some])
def test_a_name_that_promises_another_kind_is_answered_with_what_would_be_written(
    name: str, output: str, place: Path, command: Command
) -> None:
    before = {path.name for path in place.iterdir()}
    result = command(*COMMANDS[name], output)
    assert result.code == 2
    assert result.err.count("\n") == 1
    assert "what is written is" in result.err or "no kind of picture" in result.err
    assert {path.name for path in place.iterdir()} == before


@pytest.mark.parametrize("name", ["no ending", "knee.out", "v1.2", "x.hdf5", "Knie.H5"])
def test_a_name_that_promises_nothing_is_taken(name: str, place: Path, command: Command) -> None:
    assert command("run", "knee.toml", "--max-steps", 3, "-o", name).code == 3
    assert open_run(name).steps == 3


def _write(path: Path, kind: str) -> None:
    if kind == "run":
        shutil.copy("run.h5", path)
    elif kind == "foreign HDF5":
        with h5py.File(path, "w") as f:
            f["weights"] = [1.0, 2.0]
    else:
        path.write_bytes(
            {
                "text": b"precious",
                "measurement": b"# a test\nangle_deg,force_N\n1,2\n",
                "other table": b"time,angle\n1,2\n",
                "configuration": config_text().encode(),
                "model": OSIM,
                "web page": b"<html><!-- <OpenSimDocument> --></html>",
                "png": b"\x89PNG\r\n\x1a\nrest",
                "pdf": b"%PDF-1.4\n",
                "empty": b"",
            }[kind]
        )


OWN = {"run": "run", "simulate": "measurement", "export": "model", "profile": "png", "predict": "png", "design": "png"}
ALL = ("run", "foreign HDF5", "text", "measurement", "other table", "configuration", "model", "web page", "png", "pdf")


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("name", ["run", "simulate", "export", "predict", "design"])
def test_overwrite_replaces_only_a_file_of_the_kind_that_is_written(
    name: str, kind: str, place: Path, command: Command
) -> None:
    target = place / f"target{ENDINGS[name]}"
    _write(target, kind)
    before = target.read_bytes()
    result = command(*COMMANDS[name], target)
    if OWN[name] == kind:
        assert result.code in (0, 3), result.err
        assert target.read_bytes() != before
    else:
        assert result.code == 2
        assert "left alone" in result.err
        assert target.read_bytes() == before


@pytest.mark.parametrize("name", ["run", "simulate", "export"])
def test_nothing_is_lost_with_an_empty_file(name: str, place: Path, command: Command) -> None:
    target = place / f"target{ENDINGS[name]}"
    target.touch()
    assert command(*COMMANDS[name], target).code in (0, 3)
    assert target.stat().st_size > 0


@pytest.mark.parametrize("kind", [*ALL, "empty"])
def test_each_kind_knows_its_own_and_no_other(kind: str, place: Path) -> None:
    path = place / "file"
    _write(path, kind)
    known = [each.name for each in (CHAIN, MEASUREMENT, MODEL, *PICTURES) if each.holds(path)]
    own = {"run": CHAIN, "measurement": MEASUREMENT, "model": MODEL, "png": PICTURES[0], "pdf": PICTURES[1]}
    everything = [each.name for each in (CHAIN, MEASUREMENT, MODEL, *PICTURES)]
    assert known == (everything if kind == "empty" else [own[kind].name] if kind in own else [])


def test_data_that_do_not_exist_yet_may_be_simulated_under_the_name_in_the_configuration(
    folder: Path, command: Command
) -> None:
    (folder / "bench_toe.csv").unlink()
    assert command("simulate", "knee.toml", "--angles=-8:8:9", "--load", "force", "-o", "bench_toe.csv").code == 0
    result = command("simulate", "knee.toml", "--angles=-8:8:9", "--overwrite", "-o", "bench_toe.csv")
    assert result.code == 2  # now they are read, for what is applied


@pytest.mark.parametrize("name", [".x.h5.new", "x.h5.lock"])
def test_names_that_writing_takes_for_a_while_are_not_taken_from_the_user(
    name: str, place: Path, command: Command
) -> None:
    (place / name).write_text("precious")
    for arguments in (("run", "knee.toml", "--max-steps", 3, "-o", "x.h5"), ("repair", "run.h5", "-o", "x.h5")):
        result = command(*arguments)
        if arguments[0] == "repair" and name.endswith("lock"):  # nobody else writes a file that is not there yet
            assert result.code == 0
            continue
        assert result.code == 2
        assert f"{name}: is in the way" in result.err
    assert (place / name).read_text() == "precious"
    shutil.copy("knee.toml", name)
    assert command("run", name, "--max-steps", 3, "-o", "y.h5").code == 3
    (place / "x.h5").unlink(missing_ok=True)
    result = command("run", name, "--max-steps", 3, "-o", "x.h5")
    assert result.code == 2
    assert "is what this command reads, and x.h5 needs that name" in result.err
    assert (place / name).read_bytes() == (place / "knee.toml").read_bytes()


def test_a_run_is_not_repaired_from_the_name_that_its_repair_needs(place: Path, command: Command) -> None:
    shutil.copy("run.h5", ".x.h5.new")
    result = command("repair", ".x.h5.new", "-o", "x.h5")
    assert result.code == 2
    assert (place / ".x.h5.new").read_bytes() == (place / "run.h5").read_bytes()


@pytest.mark.parametrize("left", [b"", bytes(100), b"\x89HDF\r\n\x1a\nhalf"])
def test_what_a_killed_process_has_left_is_not_in_the_way(left: bytes, place: Path, command: Command) -> None:
    (place / ".x.h5.new").write_bytes(left)
    (place / "x.h5.lock").write_text("process 1 on another-machine")
    assert command("run", "knee.toml", "--max-steps", 3, "-o", "x.h5").code == 3
    assert not (place / ".x.h5.new").exists()
    assert not (place / "x.h5.lock").exists()


def test_a_file_being_replaced_goes_under_a_name_of_nobody(folder: Path) -> None:
    target = folder / ("x" * 250)
    names = []
    for _ in range(2):
        with replacing(target, ChainError) as temporary:
            temporary.write_text("new")
            names.append(temporary.name)
    assert target.read_text() == "new"
    assert names[0] != names[1]


def test_a_file_that_making_needs_is_named_and_not_the_target_blamed(folder: Path) -> None:
    target = folder / "picture.png"
    with (
        pytest.raises(ChainError, match=r"picture\.png: cannot be made \(No such file or directory: font\\x1b\.ttf\)$"),
        replacing(target, ChainError),
    ):
        Path("font\x1b.ttf").read_bytes()
    assert not target.exists()


@pytest.mark.parametrize("begin", [lambda path: replacing(path, ChainError), lambda path: _hidden(path)])
def test_what_is_unfinished_is_removed_whatever_happens(begin: Any, folder: Path) -> None:
    before = {path.name for path in folder.iterdir()}

    def fail_halfway() -> None:
        with begin(folder / "target") as temporary:
            temporary.write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        fail_halfway()
    assert {path.name for path in folder.iterdir()} == before


def test_from_python_the_same_holds(place: Path) -> None:
    config = load_config(place / "knee.toml")
    for name in ("knee.toml", "bench_toe.csv"):
        with pytest.raises(ChainError, match="is what this command reads"):
            start_run(config, place / name, overwrite=True)
    assert not list(place.glob("*.lock"))
