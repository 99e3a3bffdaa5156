"""Tests and errors of readings that cannot be meant; each with what is said of it."""

from __future__ import annotations

from bad_general import FLEX30, FLEX60, Bad, add, mcl, noise, reading

from calibrate.config.parameters import MOST_TESTS

TESTS: dict[str, Bad] = {
    "none": ([(FLEX30, ""), (FLEX60, "")], r"data: missing"),
    "data as well": (
        [("[tests.flex30]", '[data]\nfile = "30deg.csv"\npositive = "valgus"\n[tests.flex30]')],
        r"data and tests are both given",
    ),
    "of one name": ([("[tests.flex60]", "[tests.flex30]")], r"not valid TOML: Cannot declare .*flex30.* twice"),
    "named like a strand": (
        [("[tests.flex60]", "[tests.dmcl]")],
        r"tests: the test 'dmcl': this name has a meaning of its own",
    ),
    "named like a table": ([("[tests.flex60]", "[tests.noise]")], r"tests: the test 'noise': this name has a meaning"),
    "named like another table": (
        [("[tests.flex60]", "[tests.parameters]")],
        r"tests: the test 'parameters': this name has",
    ),
    "with a long name": (
        [("[tests.flex60]", f"[tests.{'x' * 65}]")],
        r"tests: the test 'x{60}': a name is up to 64 letters",
    ),
    "with an unprintable name": (
        [("[tests.flex60]", '[tests."\\u001b[2J"]')],
        r"tests: the test '\\x1b\[2J': a name is",
    ),
    "with a dot in its name": ([("[tests.flex60]", '[tests."a.b"]')], r"tests: the test 'a\.b': a name is"),
    "without a name": ([("[tests.flex60]", '[tests.""]')], r"tests: the test '': a name is"),
    "more than a thousand": (
        [(FLEX60, "".join(FLEX60.replace("flex60", f"t{i}") for i in range(MOST_TESTS)))],
        r"tests: there are 1001, and a calibration has 1000 at the most",
    ),
    "without a file": ([('file = "60deg.csv"\n', "")], r"tests\.flex60\.file: missing"),
    "without a sense": ([('positive = "varus"\n', "")], r"tests\.flex60\.positive: missing"),
    "of a wrong sense": (
        [('"varus"', '"lateral"')],
        r"tests\.flex60\.positive = 'lateral': must be 'valgus' or 'varus'",
    ),
    "whose file is missing": ([('"60deg.csv"', '"90deg.csv"')], r"tests\.flex60\.file: .*90deg\.csv: no such file"),
    "misspelt": (
        [("flexion = 60.0", "flexoin = 60.0")],
        r"tests\.flex60\.flexoin: unknown key; did you mean 'flexion'\?",
    ),
    "a number": (
        [(FLEX60, "[tests]\nflex60 = 3\n"), (FLEX30, "")],
        r"tests\.flex60 = 3: must be a table with file, positive, flexion",
    ),
    "a list of tables": (
        [("[tests.flex30]", "[[tests]]"), (FLEX60, "")],
        r"tests = \[a table\]: must be tables with names, like \[tests\.flex30\]",
    ),
    "with a misspelt table": (add("nose.sigma = 1.0"), r"tests\.flex60\.nose: unknown key; did you mean 'noise'\?"),
    "with a reference flexion of its own": (
        add("knee.reference_flexion = 3.0"),
        r"tests\.flex60\.knee\.reference_flexion: unknown key",
    ),
}
ERRORS: dict[str, Bad] = {
    "sigma missing in one": (
        [("sigma = 0.5\n", ""), ("flexion = 30.0\n", "flexion = 30.0\nnoise.sigma = 0.5\n")],
        r"tests\.flex60\.noise\.sigma: missing; give a number, bounds to infer it, or a sigma column",
    ),
    "sigma and a column": (
        [('"60deg.csv"', '"sigma.csv"')],
        r"knee\.toml: noise\.sigma is given, and .*sigma\.csv has a sigma column as well; keep one",
    ),
    "a test's sigma and a column": (
        [
            ("sigma = 0.5\n", ""),
            ("flexion = 30.0\n", "flexion = 30.0\nnoise.sigma = 0.5\n"),
            ('"60deg.csv"', '"sigma.csv"'),
            *add("noise.sigma = 0.4"),
        ],
        r"tests\.flex60\.noise\.sigma is given, and .*sigma\.csv has a sigma column as well; keep one",
    ),
    "a test's sigma in newton millimetres": (
        add("noise.sigma = 300.0"),
        r"tests\.flex60\.noise\.sigma = 300 N or N·m means nothing in a knee",
    ),
    "a test's sigma of a moment": (
        add("noise.sigma = 100.0"),
        r"tests\.flex60\.noise\.sigma = 100 N·m means nothing in a knee",
    ),
    "discrepancy and nu": (
        noise("sigma = 0.5\nnu = 4.0\ndiscrepancy = { amplitude = 1.0, length = 3.0 }"),
        r"noise: discrepancy and nu are both given, and correlated errors are Gaussian here; keep one",
    ),
    "a shared nu and a test's discrepancy": (
        [*noise("sigma = 0.5\nnu = 4.0"), *add("noise.discrepancy = { amplitude = 1.0, length = 3.0 }")],
        r"tests\.flex60\.noise: discrepancy and nu both hold here; keep one",
    ),
    "a discrepancy without a length": (
        noise("sigma = 0.5\ndiscrepancy = { amplitude = 1.0 }"),
        r"noise\.discrepancy\.length: missing",
    ),
    "a discrepancy that is a number": (
        noise("sigma = 0.5\ndiscrepancy = 1.0"),
        r"noise\.discrepancy = 1\.0: must be a table with amplitude, length",
    ),
    "a discrepancy of too many points": (
        [*noise("sigma = 0.5\ndiscrepancy = { amplitude = 1.0, length = 3.0 }"), ('"60deg.csv"', '"many.csv"')],
        r"noise\.discrepancy: .*many\.csv has 501 readings, and correlated errors are for 500 at the most",
    ),
    "an offset of tests that count differently": (
        reading("angle_offset = { mean = 0.0, sd = 2.0 }"),
        r"measurement\.angle_offset is shared by tests that count valgus and tests that count varus as positive",
    ),
    "a fixed offset of tests that count differently": (
        reading("angle_offset = 1.0"),
        r"measurement\.angle_offset is shared",
    ),
    "a bias of tests that count differently": (
        reading("load_bias = 0.5"),
        r"measurement\.load_bias is shared by tests that",
    ),
    "a bias in two units": (
        [
            *reading("load_bias = 0.5"),
            ('"varus"', '"valgus"'),
            ('"60deg.csv"', '"force.csv"'),
            POINT := ("reference_flexion = 0.0", "application_point = [0.0, -340.0]"),
        ],
        r"measurement\.load_bias is shared by tests in N and N·m; give each test its own",
    ),
    "a sigma in two units": ([('"60deg.csv"', '"force.csv"'), POINT], r"noise\.sigma is shared by tests in N and N·m"),
    "an amplitude in two units": (
        [
            *noise("discrepancy = { amplitude = 1.0, length = 3.0 }"),
            ("flexion = 30.0\n", "flexion = 30.0\nnoise.sigma = 0.5\n"),
            *add("noise.sigma = 1.5"),
            ('"60deg.csv"', '"force.csv"'),
            POINT,
        ],
        r"noise\.discrepancy\.amplitude is shared by tests in N and N·m",
    ),
    "a force without a point": (
        [
            ("sigma = 0.5\n", ""),
            ("flexion = 30.0\n", "flexion = 30.0\nnoise.sigma = 0.5\n"),
            *add("noise.sigma = 1.5"),
            ('"60deg.csv"', '"force.csv"'),
        ],
        r"tests\.flex60\.knee: .*application_point is missing",
    ),
    "a hysteresis without a direction": (
        [("flexion = 30.0\n", "flexion = 30.0\nmeasurement.hysteresis = { mean = 0.0, sd = 1.0 }\n")],
        r"tests\.flex30\.measurement\.hysteresis is given, but 30deg\.csv has no column 'direction'",
    ),
    "a fixed hysteresis without a direction": (
        [("flexion = 30.0\n", "flexion = 30.0\nmeasurement.hysteresis = 0.3\n")],
        r"30deg\.csv has no column 'direction' with \+1 while the load goes up",
    ),
    "a direction of two": (
        [('"60deg.csv"', '"two.csv"')],
        r"two\.csv, line 3: direction = 2, but it has to be 1 \(the load goes up\)",
    ),
    "a direction of zero": ([('"60deg.csv"', '"zero.csv"')], r"zero\.csv, line 3: direction = 0, but it has to be 1"),
    "a direction that is blank": ([('"60deg.csv"', '"blank.csv"')], r"blank\.csv, line 3"),
    "a direction that is a half": ([('"60deg.csv"', '"half.csv"')], r"half\.csv, line 3: direction = 0\.5"),
    "a direction in words": ([('"60deg.csv"', '"up.csv"')], r"up\.csv, line 2"),
    "a misspelt reading": (
        reading("angel_offset = 1.0"),
        r"measurement\.angel_offset: unknown key; did you mean 'angle_offset'\?",
    ),
    "an offset beyond any": (
        [("flexion = 30.0\n", "flexion = 30.0\nmeasurement.angle_offset = 90.0\n")],
        r"tests\.flex30\.measurement\.angle_offset = 90 degrees means nothing in a knee",
    ),
    "an angle_sigma in radians, nearly": (
        noise("sigma = 0.5\nangle_sigma = 60.0"),
        r"noise\.angle_sigma = 60 degrees means nothing",
    ),
    "nothing free": (mcl("50.0"), r"parameters: all are fixed"),
}
