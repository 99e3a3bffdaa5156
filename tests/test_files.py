"""Text that is read: of a bounded size, from regular files, in UTF-8; all else is one line, and soon."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Result

from calibrate.config import load_config
from calibrate.data import read_measurement
from calibrate.errors import CalibrateError, ConfigError, DataError
from calibrate.files import MOST, read_text

Reader = Callable[[Path], object]
READERS: dict[str, tuple[Reader, type[CalibrateError]]] = {
    "TOML": (load_config, ConfigError),
    "CSV": (read_measurement, DataError),
}


def sparse(path: Path) -> Path:
    with path.open("wb") as file:
        file.write(b"angle_deg,force_N\n1,2\n")
        file.truncate(50 * 2**30)
    return path


def pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def link(path: Path) -> Path:
    path.symlink_to("/dev/zero")
    return path


def nul(path: Path) -> Path:
    with path.open("wb") as file:
        file.truncate(2**19)
    return path


def of(content: bytes) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        path.write_bytes(content)
        return path

    return write


ENDLESS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "zeros": (lambda _: Path("/dev/zero"), "no regular file"),
    "random numbers": (lambda _: Path("/dev/urandom"), "no regular file"),
    "a terminal's like": (lambda _: Path("/dev/null"), "no regular file"),
    "a link to zeros": (link, "no regular file"),
    "a pipe that nobody writes to": (pipe, "no regular file"),
    "50 GB": (sparse, "has 53,687,091,200 bytes, more than the"),
    "NULs": (nul, "holds NUL bytes.*UTF-8"),
    "a NUL": (of(b"angle_deg,force_N\n1,2\0\n"), "holds NUL bytes.*UTF-8"),
    "UTF-16": (of("angle_deg,force_N\n1,2\n".encode("utf-16")), "UTF-8"),
    "UTF-16 without a mark": (of("angle_deg,force_N\n1,2\n".encode("utf-16-be")), "UTF-8"),
    "UTF-32": (of("angle_deg,force_N\n1,2\n".encode("utf-32")), "UTF-8"),
    "Latin-1": (of("# 30°\nangle_deg,force_N\n".encode("latin-1")), "line 1: .*UTF-8 .byte 0xb0.*save it as UTF-8"),
    "cut in a letter": (of("# a\n# é".encode()[:-1]), "line 2: .*UTF-8"),
    "a folder": (lambda path: path.parent, "cannot be read .Is a directory"),
    "a name too long": (lambda path: path.with_name("x" * 300), "cannot be read"),
    "a process's memory": (lambda _: Path("/proc/self/mem"), "cannot be read"),
}


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("what", ENDLESS)
def test_what_is_no_text_is_refused_in_one_line(what: str, kind: str, tmp_path: Path) -> None:
    make, says = ENDLESS[what]
    reader, error = READERS[kind]
    path = make(tmp_path / "input")
    with pytest.raises(error, match=says) as refused:
        reader(path)
    assert str(refused.value).startswith(str(path))
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    ("name", "kind", "remedy"),
    [
        ("rig.xlsx", "CSV", "'calibrate import' makes a CSV of it"),
        ("rig.MAT", "TOML", "if these are the measurements, 'calibrate init' writes a configuration for them"),
        ("run.h5", "TOML", "if it is a run, 'calibrate summary' reads it"),
        ("run.hdf5", "CSV", "if it is a run, 'calibrate summary' reads it"),
        ("rig.csv", "CSV", "save it as UTF-8"),
    ],
)
def test_what_to_do_with_a_binary_file_is_said(name: str, kind: str, remedy: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"PK\x03\x04\0\0")
    with pytest.raises(ConfigError) as error:
        read_text(tmp_path / name, ConfigError, kind)
    assert str(error.value) == (
        f"{tmp_path / name}: holds NUL bytes, so this is no text in UTF-8 and no {kind} file; {remedy}"
    )


def test_what_to_do_with_a_run_in_the_place_of_a_configuration_is_said_of_large_ones_too(tmp_path: Path) -> None:
    (tmp_path / "run.h5").write_bytes(bytes(2**20 + 1))
    with pytest.raises(ConfigError) as error:
        read_text(tmp_path / "run.h5", ConfigError, "TOML")
    assert str(error.value) == (
        f"{tmp_path / 'run.h5'}: has 1,048,577 bytes, more than the 1,048,576 that a TOML file may have; if it is a "
        "run, 'calibrate summary' reads it"
    )


@pytest.mark.parametrize("size", [2**20, 2**20 + 1])
def test_a_text_may_be_as_large_as_its_kind_and_no_larger(size: int, tmp_path: Path) -> None:
    assert MOST["TOML"] == 2**20
    (tmp_path / "x.toml").write_bytes(b"#" * size)
    if size == MOST["TOML"]:
        assert read_text(tmp_path / "x.toml", ConfigError, "TOML") == "#" * size
    else:
        with pytest.raises(ConfigError, match="has 1,048,577 bytes, more than the 1,048,576"):
            read_text(tmp_path / "x.toml", ConfigError, "TOML")


def test_a_file_that_grows_while_it_is_read_is_refused_at_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.csv").write_bytes(b"#" * 1000)
    monkeypatch.setitem(MOST, "CSV", 100)
    real = os.fstat

    def small(descriptor: int) -> os.stat_result:
        found = list(real(descriptor))
        found[6] = 10  # what it had when it was looked at
        return os.stat_result(found)

    monkeypatch.setattr("calibrate.files.os.fstat", small)
    with pytest.raises(DataError, match="has more than the 100 bytes"):
        read_text(tmp_path / "x.csv", DataError, "CSV")


def test_commands_say_so_in_one_line(folder: Path, command: Callable[..., Result]) -> None:
    (folder / "bench_toe.csv").unlink()
    (folder / "bench_toe.csv").symlink_to("/dev/zero")
    for arguments in (("run", "/dev/zero"), ("run", "knee.toml"), ("simulate", "/dev/urandom", "-o", "x.csv")):
        result = command(*arguments)
        assert result.code == 2
        assert "no regular file" in result.err
        assert result.err.count("\n") == 1
    assert not (folder / "x.csv").exists()


def test_a_file_too_large_for_the_memory_is_one_line(tmp_path: Path) -> None:
    with (tmp_path / "x.csv").open("w") as file:
        file.write("angle_deg,force_N\n")
        for _ in range(48):
            file.write("1.0,2.0\n" * 2**17)
    program = (
        "import sys; from calibrate.data import read_measurement; from calibrate.errors import DataError\n"
        "import pathlib, resource; size = int(pathlib.Path('/proc/self/statm').read_text().split()[0]) * 4096\n"
        "resource.setrlimit(resource.RLIMIT_AS, (size + 128 * 2**20, resource.RLIM_INFINITY))\n"
        "try: read_measurement(sys.argv[1])\n"
        "except DataError as error: print(error)\n"
        # Not getrusage's: that begins with the size of the process that this one was forked from.
        "print(pathlib.Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])\n"
    )
    line = [sys.executable, "-c", program, str(tmp_path / "x.csv")]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    said, most = done.stdout.splitlines()
    assert said.endswith("x.csv: is too large for the memory that there is")
    assert int(most) < 2**20  # KiB
