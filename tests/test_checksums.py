"""One flipped bit in a finished file: named in one line with what is still whole, or without any consequence."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import emcee
import h5py
import numpy as np
import pytest
from chains import small_chunks
from conftest import DATA, Result, begun, config_text
from crafted import PARAMETERS, STEPS, WALKERS

from calibrate import chain
from calibrate.chain.checksum import checksum, with_checksum
from calibrate.config import parse_config
from calibrate.errors import CalibrateError, ChainError
from calibrate.results import open_run
from calibrate.runner import resume_run

Command = Callable[..., Result]
# Of made-up chains' twelve walkers six steps are a chunk; of six walkers twice as many.
ROWS = 10
pytestmark = pytest.mark.usefixtures(small_chunks.__name__)


@pytest.fixture(autouse=True)
def _little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give live files room for few steps: of such small chunks, the usual room would be thousands."""
    monkeypatch.setattr("calibrate.runner._CAPACITY", 8)


def finished(path: Path, compression: str = "none") -> Path:
    sampling = (
        f"walkers = {WALKERS}\nensembles = 2\nmax_steps = {STEPS}\nmin_ess = 1e9\ncompression = '{compression}'\n"
    )
    config = config_text(parameters=PARAMETERS, extra=f"[sampling]\n{sampling}")
    return begun(parse_config(config, DATA / "bench.toml"), path, "small chunks, little room")


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return finished(tmp_path / "good.h5")


def flip(path: Path, offset: int, bit: int = 3) -> None:
    content = bytearray(path.read_bytes())
    content[offset] ^= 1 << bit
    path.write_bytes(content)


def place(path: Path, name: str, chunk: int) -> int:
    """Return where a chunk of a dataset begins in the file."""
    with h5py.File(path) as f:
        return int(f[name].id.get_chunk_info(chunk).byte_offset)


def everything(path: Path) -> list[np.ndarray]:
    stored = chain.read_chains(path)
    return [np.asarray(stored.coords), np.asarray(stored.log_prob)]


@pytest.mark.parametrize("values", [np.zeros(64), np.arange(300.0), np.full(7, np.nan), np.array([np.inf, 65535.0])])
def test_the_checksum_is_the_one_of_hdf5(values: np.ndarray, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as f:
        item = f.create_dataset("x", data=values, chunks=values.shape, fletcher32=True)
        f.flush()
        assert item.id.read_direct_chunk((0,))[1] == with_checksum(values)


@pytest.mark.parametrize("size", [1, 2, 7, 1000, 1001])
def test_the_checksum_of_bytes_is_the_one_of_hdf5(size: int, tmp_path: Path) -> None:
    values = np.random.default_rng(size).integers(256, size=size).astype("u1")
    with h5py.File(tmp_path / "x.h5", "w") as f:
        item = f.create_dataset("x", data=values, chunks=values.shape, fletcher32=True)
        f.flush()
        assert item.id.read_direct_chunk((0,))[1] == values.tobytes() + checksum(values.tobytes())


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_all_that_lies_in_chunks_has_checksums_and_emcee_reads_it(compression: str, tmp_path: Path) -> None:
    path = finished(tmp_path / "run.h5", compression)
    with h5py.File(path) as f:
        for group in ("ensemble_0", "ensemble_1"):
            assert all(f[group][name].fletcher32 for name in ("chain", "log_prob", "accepted"))
            assert f[group]["chain"].chunks == (ROWS, WALKERS, 1)
        assert all(f["calibrate"][name].fletcher32 for name in ("data", "names", "starts"))
        assert all("sha256" in f["calibrate"][name].attrs for name in ("config", "config_text", "fingerprint", "tests"))
    stored = chain.read_chains(path)
    for i in range(2):
        backend = emcee.backends.HDFBackend(str(path), name=f"ensemble_{i}", read_only=True)
        np.testing.assert_array_equal(backend.get_chain(), stored.coords[i])
        np.testing.assert_array_equal(backend.get_log_prob(), stored.log_prob[i])


@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize(("key", "what"), [("chain", "chain of parameter 2"), ("log_prob", "log_prob")])
def test_a_flipped_bit_is_named_with_what_is_whole_and_the_rest_is_saved(
    key: str, what: str, compression: str, tmp_path: Path, command: Command
) -> None:
    path, new = finished(tmp_path / "run.h5", compression), tmp_path / "new.h5"
    right = everything(path)
    # In the second of three chunks.
    number = 3 if key == "chain" else 1  # chunks are counted along the parameters first
    flip(path, place(path, f"ensemble_1/{key}", number) + (2 * WALKERS * 8 + 11 if compression == "none" else 40))
    for line in (("summary", path), ("plot", path), ("resume", path, "--steps", 1)):
        result = command(*line)
        assert result.code == 2
        assert result.err.count("\n") == 1
        assert f"ensemble_1, {what}: steps {ROWS + 1} to {2 * ROWS}" in result.err
        assert "checksum does not match" in result.err
        assert f"the {ROWS} steps before them are whole" in result.err
        assert "calibrate repair" in result.err
    assert command("repair", path, "-o", new).code == 0
    assert open_run(new).stored == ROWS
    for found, wanted in zip(everything(new), right, strict=True):
        np.testing.assert_array_equal(found, wanted[:, :ROWS])
    resume_run(new, until_steps=STEPS)
    assert open_run(new).stored == STEPS


def test_steps_that_are_not_looked_at_when_a_run_is_opened_are_noticed_when_they_are_read(good: Path) -> None:
    flip(good, place(good, "ensemble_0/chain", 0) + 5)
    with pytest.raises(ChainError, match=f"steps 1 to {ROWS} cannot be read.*no step is before them"):
        open_run(good)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ensemble_0/accepted", "ensemble_0/accepted does not match its checksum"),
        ("calibrate/data", "calibrate/data does not match its checksum"),
        ("calibrate/names", "calibrate/names does not match its checksum"),
        ("calibrate/starts", "calibrate/starts does not match its checksum"),
        ("calibrate/config", "config does not match its SHA-256"),
        ("calibrate/config_text", "config_text does not match its SHA-256"),
        ("calibrate/fingerprint", "fingerprint does not match its SHA-256"),
        ("calibrate/tests", "tests does not match its SHA-256"),
    ],
)
def test_every_other_part_is_checked_too(name: str, words: str, good: Path, command: Command) -> None:
    with h5py.File(good) as f:
        item = f[name]
        offset = item.id.get_offset() if item.chunks is None else item.id.get_chunk_info(0).byte_offset
    flip(good, offset + 4, bit=0)
    for line in (("summary", good), ("resume", good, "--steps", 1)):
        result = command(*line)
        assert result.code == 2
        assert result.err.count("\n") == 1
        assert words in result.err


def test_a_bit_flipped_anywhere_is_noticed_or_changes_nothing(good: Path, tmp_path: Path) -> None:
    """Every number that is shown, and every number that a chain goes on from, is as it was, or the file is refused."""

    def told(path: Path) -> tuple[object, ...]:
        run = open_run(path)
        summary = dict(run.summary())
        for label in ("file", "calibrate", "created", "data"):  # names and dates, on which no number depends
            summary.pop(label)
        rows = [values.tobytes() for values in (run.samples(), run.log_prob(), run.predict())]
        resume_run(path, steps=2)
        return summary, rows, [values.tobytes() for values in everything(path)]

    path = tmp_path / "run.h5"
    shutil.copy(good, path)
    right, content = told(path), good.read_bytes()
    rng, noticed = np.random.default_rng(5), 0

    regions = [*range(0, len(content), 2000)]
    for start in regions:
        offset = int(rng.integers(start, min(start + 1000, len(content))))
        path.write_bytes(content)
        flip(path, offset, int(rng.integers(8)))
        try:
            found = told(path)
        except CalibrateError as error:
            noticed += 1
            assert "\n" not in str(error)  # noqa: PT017  # and a flip that changes nothing is as good
        else:
            assert found == right, offset
    # Most of what is not noticed lies in room that HDF5 keeps for more names.
    assert noticed > len(regions) // 8


@pytest.mark.parametrize("steps", [0, 7])
def test_a_file_without_checksums_is_read_and_gone_on_with(steps: int, tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    shutil.copy(DATA / "without_checksums.h5", path)
    before = everything(path)
    run = open_run(path)
    assert run.stored == 20
    assert run.summary()["steps"] == 20
    resume_run(path, until_steps=20 + steps)
    after = everything(path)
    assert after[0].shape[1] == 20 + steps
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(new[:, :20], old)
    with h5py.File(path) as f:
        assert f["ensemble_1/chain"].fletcher32
