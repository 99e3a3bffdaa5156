"""A configuration as a file and as text: where it is from, what is none, and what is refused with the file's name."""

from pathlib import Path

import pytest
from config_documents import TEXT

from calibrate.config import SamplingConfig, load_config, parse_config
from calibrate.errors import ConfigError


def refused(text: str, source: str | None = "a/knee.toml") -> str:
    with pytest.raises(ConfigError) as error:
        parse_config(text, source)
    return str(error.value)


def test_source_and_text_go_along(tmp_path: Path) -> None:
    path = tmp_path / "knee.toml"
    path.write_text("\ufeff" + TEXT)
    for config in (load_config(path), load_config(str(path)), parse_config(TEXT, path)):
        assert (config.source, config.text, config.data_path) == (path, TEXT, tmp_path / "x.csv")
        changed = config.with_sampling(seed=5, max_time=None)
        assert (changed.source, changed.text, changed.data_path) == (path, TEXT, tmp_path / "x.csv")
        assert changed.sampling == config.sampling.model_copy(update={"seed": 5})
        assert (changed.knee, changed.parameters, changed.data) == (config.knee, config.parameters, config.data)
        assert config.with_sampling() is config.with_sampling(seed=None) is config
    bare = parse_config(TEXT)
    assert (bare.source, bare.text, bare.data_path) == (None, TEXT, Path("x.csv"))
    assert parse_config(TEXT.replace("x.csv", "/x.csv"), path).data_path == Path("/x.csv")


def test_overrides_are_refused_like_the_file() -> None:
    for changes, says in (
        ({"max_steps": 0}, "sampling.max_steps = 0: must be greater than or equal to 1"),
        ({"walkers": 33}, "sampling: walkers = 33, but an ensemble moves in two halves: use an even number"),
        ({"seeds": 32}, "sampling.seeds: unknown key; did you mean 'seed'?"),
    ):
        with pytest.raises(ConfigError) as error:
            parse_config(TEXT).with_sampling(**changes)
        assert str(error.value) == says
        assert error.value.__suppress_context__
    odd = parse_config(TEXT + "[sampling]\nwalkers = 4\nthin = 7\n").with_sampling(max_steps=7).sampling
    assert odd == SamplingConfig(walkers=4, thin=7, max_steps=7)


def test_texts_that_are_no_configuration() -> None:
    assert refused("[noise").startswith("a/knee.toml: not valid TOML: Expected ']'")
    assert refused("[noise", None).startswith("configuration: not valid TOML: Expected ']'")
    hint = "; if these are the measurements, 'calibrate init' writes a configuration for them"
    for source in ("a/knee.csv", "a/KNEE.TXT"):
        assert refused("angle_deg,force_N\n", source).endswith(hint)
    assert "init" not in refused("[noise")
    assert refused("seed = " + "9" * 5000).startswith("a/knee.toml: not valid TOML: Exceeds the limit")
    assert refused("a = " + "[" * 100_000) == "a/knee.toml: not valid TOML: nested too deeply"
    assert refused(TEXT.replace('"valgus"', "1")) == "a/knee.toml: data.positive = 1: must be 'valgus' or 'varus'"
    assert refused(TEXT + "[nose]\n") == "a/knee.toml: nose: unknown key; did you mean 'noise'?"
    assert refused(TEXT.replace('"valgus"', "1"), None) == (
        "configuration: data.positive = 1: must be 'valgus' or 'varus'"
    )


def test_numbers_that_cannot_be_meant_are_refused_with_the_file(tmp_path: Path) -> None:
    stiff = TEXT.replace("k = 60", "k = 60000")
    says = (
        "parameters.lcl.k = 60000 N/mm means nothing in a knee (5 to 500 N/mm is known); is it in N/m? N/mm is wanted"
    )
    assert refused(stiff) == f"a/knee.toml: {says}"
    assert refused(stiff, None) == f"configuration: {says}"
    noisy = TEXT + "[noise]\nsigma = 300\n"
    (tmp_path / "knee.toml").write_text(noisy)
    with pytest.raises(ConfigError) as error:
        load_config(tmp_path / "knee.toml")
    assert str(error.value) == (
        f"{tmp_path / 'knee.toml'}: noise.sigma = 300 N or N·m means nothing in a knee (0.001 to 50 N or N·m is "
        "known); is it in N·mm or mN? N or N·m is wanted"
    )
    assert parse_config(noisy).noise.sigma == 300.0  # a run that is stored is not refused for it


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        load_config(tmp_path / "none.toml")
    assert str(error.value) == f"{tmp_path / 'none.toml'}: no such file"
    (tmp_path / "x.toml").write_bytes(b"\xe4")
    with pytest.raises(ConfigError, match=r"so no TOML file; save it as UTF-8$"):
        load_config(tmp_path / "x.toml")
