"""What a configuration may not say of a prior made of knees, and files of such priors that are none."""

from __future__ import annotations

from bad_general import Bad, add, mcl, reading

SOUND = """
format = "calibrate knees prior"
version = 1
[made]
knees = 8
[priors."mcl.k"]
family = "log-normal"
median = 60.0
factor = 1.4
misfit = 0.03
[priors."mcl.alpha"]
family = "normal"
mean = 0.06
sd = 0.01
misfit = 0.02
"""
PAIR = '[[correlations]]\nbetween = ["mcl.k", "mcl.alpha"]\nr = 0.5\n'
FILES = {
    "prior.toml": SOUND,
    "broken.toml": "format = ",
    "other.toml": "[knee]\n",
    "newer.toml": SOUND.replace("version = 1", "version = 2"),
    "slip.toml": SOUND.replace("misfit", "mistfi"),
    "few.toml": SOUND.replace("knees = 8", "knees = 1"),
    "sd.toml": SOUND.replace("factor = 1.4", "sd = 1.4"),
    "pair.toml": SOUND + PAIR.replace("alpha", "alhpa"),
    "large.toml": SOUND + PAIR.replace("0.5", "1.5"),
    "metres.toml": SOUND.replace("median = 60.0", "median = 60000.0"),
}


def _of(file: str, says: str) -> Bad:
    """A file that is named for the MCL's stiffness, and what is said of it."""
    return mcl(f'{{ knees = "{file}.toml" }}'), rf"parameters\.mcl\.k: knees: {file}\.toml: {says}"


KNEES: dict[str, Bad] = {
    "no file": _of("none", "no such file"),
    "no TOML": _of("broken", "not valid TOML"),
    "another file": _of("other", "this is no prior made of knees, which has format ="),
    "newer": _of("newer", r"written by a newer calibrate \(version 2"),
    "a slip in it": _of("slip", r"priors\.mcl\.k\.mistfi: unknown key; did you mean 'misfit'"),
    "one knee": _of("few", r"made\.knees = 1: must be greater than or equal to 2"),
    "another family's": _of("sd", r"priors\.mcl\.k\.sd: a log-normal distribution has median and factor"),
    "a pair of none": _of("pair", r"correlations\[0\]\.between: .*'mcl\.alpha'"),
    "beyond one": _of("large", r"correlations\[0\]\.r = 1\.5: must be less than"),
    "another unit": (mcl('{ knees = "metres.toml" }'), r"parameters\.mcl\.k = .*means nothing in a knee"),
    "not in it": (
        [("l_0 = 90.0", 'l_0 = { knees = "prior.toml" }')],
        r'parameters\.mcl\.l_0: knees = "prior\.toml": it has no mcl\.l_0, but mcl\.k, mcl\.alpha',
    ),
    "another's that is not in it": (
        mcl('{ knees = "prior.toml", parameter = "mlc.k" }'),
        r'parameters\.mcl\.k: knees = "prior\.toml": it has no mlc\.k, but mcl\.k, mcl\.alpha',
    ),
    "with a spread": (mcl('{ knees = "prior.toml", sd = 1.0 }'), r"mcl\.k\.sd: unknown key; known here: knees,"),
    "misspelt": (mcl('{ knees = "prior.toml", uper = 9.0 }'), r"mcl\.k\.uper: unknown key; did you mean 'upper'\?"),
    "no text": (mcl("{ knees = 3 }"), r"parameters\.mcl\.k\.knees = 3: must be a text in quotes"),
    "bounds exchanged": (mcl('{ knees = "prior.toml", lower = 9.0, upper = 3.0 }'), "lower = 9 is above upper = 3"),
    "in a test": (
        add('parameters.mcl.l_0 = { knees = "prior.toml" }'),
        r'tests\.flex60\.parameters\.mcl\.l_0: knees = "prior\.toml": it has no mcl\.l_0',
    ),
    "where no value is": (reading('angle_offset = 0.0\nknees = "prior.toml"'), r"measurement\.knees: unknown key"),
    "of another strand": (
        [("k = 30.0", 'k = { knees = "prior.toml" }')],
        r"parameters\.dmcl\.k: .*it has no dmcl\.k",
    ),
}
