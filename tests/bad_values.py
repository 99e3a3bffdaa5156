"""Values that cannot be meant: ties, priors, published values; each with what is said of it."""

from __future__ import annotations

from bad_general import FORMS, OTHER, Bad, add, mcl, noise, reading

TIES: dict[str, Bad] = {
    "to nothing": (mcl('"lcl.kk"'), rf"parameters\.mcl\.k = 'lcl\.kk': {OTHER}; did you mean 'lcl\.k'\?"),
    "to nothing near": (mcl('"soft as butter"'), rf"parameters\.mcl\.k = 'soft as butter': {OTHER}; there is none of"),
    "by its place in the file": (mcl('"parameters.lcl.k"'), r"did you mean 'lcl\.k'\?"),
    "to a test's, by its place": (
        [*mcl('"tests.flex60.mcl.k"'), *add("parameters.mcl.k = 40.0")],
        r"did you mean 'flex60\.mcl\.k'\?",
    ),
    "a number in quotes": (mcl('"60"'), rf"parameters\.mcl\.k = '60': {OTHER}"),
    "nothing": (mcl('""'), r"parameters\.mcl\.k = '': must not be empty"),
    "an escape": (mcl('"\\u001b[2J"'), r"parameters\.mcl\.k = '\\x1b\[2J': must be"),
    "very long": (mcl(f'"{"x" * 5000}"'), r"parameters\.mcl\.k = 'x{58}…: must be"),
    "to itself": (mcl('"mcl.k"'), r"parameters\.mcl\.k = 'mcl\.k': the ties go in a circle \(mcl\.k -> mcl\.k\)"),
    "in a circle": (
        [*mcl('"lcl.k"'), ("k = 40.0", 'k = "dmcl.k"'), ("k = 30.0", 'k = "mcl.k"')],
        r"the ties go in a circle \(mcl\.k -> lcl\.k -> dmcl\.k -> mcl\.k\); give one of them a value",
    ),
    "into a circle": (
        [*mcl('"lcl.k"'), ("k = 40.0", 'k = "dmcl.k"'), ("k = 30.0", 'k = "lcl.k"')],
        r"the ties go in a circle \(lcl\.k -> dmcl\.k -> lcl\.k\)",
    ),
    "to another unit": (mcl('"lcl.l_0"'), r"k and l_0 are in N/mm and mm; tie it to another k"),
    "to a strand's other quantity": (
        [("alpha = 0.06", 'alpha = "dmcl.reference_strain"')],
        r"alpha and reference_strain are different quantities; tie it to another alpha",
    ),
    "a length to a coordinate": (
        [("l_0 = 90.0", 'l_0 = "knee.mcl.femur.x"')],
        r"parameters\.mcl\.l_0 = 'knee\.mcl\.femur\.x': l_0 and x are different quantities",
    ),
    "a radius to a coordinate": (
        [("radius = 20.0", 'radius = "knee.mcl.femur.y"')],
        r"knee\.lateral_condyle\.radius = 'knee\.mcl\.femur\.y': radius and y are different",
    ),
    "a bias to a hysteresis": (
        reading('load_bias = "measurement.hysteresis"'),
        r"measurement\.load_bias and measurement\.hysteresis are different quantities",
    ),
    "of a test to nothing": (
        add('parameters.mcl.l_0 = "flex90.mcl.l_0"'),
        r"tests\.flex60\.parameters\.mcl\.l_0 = 'flex90\.mcl\.l_0': .*did you mean 'mcl\.l_0'\?",
    ),
    "of an offset between tests that count differently": (
        [
            ("flexion = 30.0\n", "flexion = 30.0\nmeasurement.angle_offset = { mean = 0.0, sd = 1.0 }\n"),
            *add('measurement.angle_offset = "flex30.measurement.angle_offset"'),
        ],
        r"flex30\.measurement\.angle_offset is shared by tests that count valgus and tests that count varus",
    ),
    "a list": (mcl('["lcl.k"]'), rf"parameters\.mcl\.k = \['lcl\.k'\]: {FORMS}"),
}
PRIORS: dict[str, Bad] = {
    "mean without sd": (mcl("{ mean = 60.0 }"), r"parameters\.mcl\.k\.sd: missing"),
    "sd without mean": (mcl("{ sd = 6.0 }"), r"parameters\.mcl\.k\.mean: missing"),
    "mean and bounds": (mcl("{ mean = 60.0, lower = 1.0, upper = 99.0 }"), r"parameters\.mcl\.k\.sd: missing"),
    "median without factor": (mcl("{ median = 60.0 }"), r"parameters\.mcl\.k\.factor: missing"),
    "factor without median": (mcl("{ factor = 1.4 }"), r"parameters\.mcl\.k\.median: missing"),
    "median with sd": (
        mcl("{ median = 60.0, sd = 6.0 }"),
        r"parameters\.mcl\.k\.sd: unknown key; known here: median, factor",
    ),
    "mean with factor": (
        mcl("{ mean = 60.0, factor = 2.0 }"),
        r"parameters\.mcl\.k\.mean: unknown key; did you mean 'med",
    ),
    "misspelt": (mcl("{ mean = 60.0, ds = 6.0 }"), r"parameters\.mcl\.k\.ds: unknown key; known here: mean, sd"),
    "misspelt bound": (
        mcl("{ median = 60.0, factor = 1.4, uper = 99.0 }"),
        r"parameters\.mcl\.k\.uper: unknown key; did you mean 'upper'\?",
    ),
    "sd zero": (mcl("{ mean = 60.0, sd = 0.0 }"), r"parameters\.mcl\.k\.sd = 0\.0: must be greater than 0"),
    "sd negative": (mcl("{ mean = 60.0, sd = -3 }"), r"parameters\.mcl\.k\.sd = -3: must be greater than 0"),
    "sd infinite": (mcl("{ mean = 60.0, sd = inf }"), r"parameters\.mcl\.k\.sd = inf: must be a finite number"),
    "sd a text": (mcl('{ mean = 60.0, sd = "6" }'), r"parameters\.mcl\.k\.sd = '6': must be a number"),
    "factor one": (
        mcl("{ median = 60.0, factor = 1.0 }"),
        r"parameters\.mcl\.k\.factor = 1\.0: must be greater than 1",
    ),
    "factor half": (
        mcl("{ median = 60.0, factor = 0.5 }"),
        r"parameters\.mcl\.k\.factor = 0\.5: must be greater than 1",
    ),
    "factor enormous": (mcl("{ median = 60.0, factor = 1e300 }"), r"factor = 1e\+300"),
    "median zero": (
        mcl("{ median = 0.0, factor = 1.4 }"),
        r"parameters\.mcl\.k\.median = 0\.0: must be greater than 0",
    ),
    "median negative": (
        mcl("{ median = -60.0, factor = 1.4 }"),
        r"parameters\.mcl\.k\.median = -60\.0: must be greater",
    ),
    "mean enormous": (mcl("{ mean = 1e12, sd = 1.0 }"), r"mean = 1e\+12 with sd = 1 means nothing"),
    "no mass, normal": (
        [("f_ref", "f_ref")] and [("l_0 = 90.0", "l_0 = { mean = 90.0, sd = 0.1, lower = 900.0, upper = 910.0 }")],
        r"parameters\.mcl\.l_0.*no mass between the bounds",
    ),
    "no mass, log-normal": (
        mcl("{ median = 60.0, factor = 1.0001, lower = 90.0 }"),
        r"parameters\.mcl\.k.*no mass between the bounds",
    ),
    "bounds reversed": (
        mcl("{ mean = 60.0, sd = 6.0, lower = 90.0, upper = 20.0 }"),
        r"parameters\.mcl\.k.*lower = 90 is above upper = 20: exchange them",
    ),
    "bounds equal": (mcl("{ median = 60.0, factor = 2.0, lower = 9.0, upper = 9.0 }"), r"lower and upper are both 9"),
    "start outside": (
        mcl("{ mean = 60.0, sd = 6.0, upper = 70.0, start = 80.0 }"),
        r"start = 80 lies outside the bounds",
    ),
    "all of it negative": (
        mcl("{ mean = -60.0, sd = 6.0 }"),
        r"parameters\.mcl: k: mean = -60 with sd = 6, but k is pos",
    ),
    "a negative lower bound": (
        mcl("{ median = 60.0, factor = 1.4, lower = -5.0 }"),
        r"lower = -5.*(positive|must not be negative)",
    ),
    "a negative range": (
        mcl("{ lower = -9.0, upper = -5.0 }"),
        r"k: upper = -5, but k is positive: use bounds above 0",
    ),
    "a negative sigma": (
        noise("sigma = { mean = -2.0, sd = 0.1 }"),
        r"noise: sigma: mean = -2 with sd = 0\.1, but sigma",
    ),
    "a negative nu": (noise("sigma = 0.5\nnu = -4.0"), r"noise: nu = -4, but it has to be positive"),
    "an angle_sigma of zero": (
        noise("sigma = 0.5\nangle_sigma = 0"),
        r"noise: angle_sigma = 0, but it has to be positive",
    ),
    "a negative length": (
        noise("sigma = 0.5\ndiscrepancy = { amplitude = 1.0, length = { lower = -2.0, upper = 9.0 } }"),
        r"noise\.discrepancy: length: lower = -2, but length is positive",
    ),
    "a strain of minus one": (
        [("reference_strain = 0.02", "reference_strain = -1.0")],
        r"parameters\.dmcl\.reference_strain = -1\.0: must be greater than -1; a strain is a share",
    ),
    "strains below minus one": (
        [("reference_strain = 0.02", "reference_strain = { lower = -2.0, upper = 0.1 }")],
        r"parameters\.dmcl\.reference_strain\.lower = -2\.0: must be greater than -1",
    ),
    "a strain in per cent": (
        [("reference_strain = 0.02", "reference_strain = { mean = 2.0, sd = 0.5 }")],
        r"parameters\.dmcl\.reference_strain = .*means nothing in a knee.*is it in per cent\?",
    ),
}
LITERATURE: dict[str, Bad] = {
    "unknown": (
        mcl('{ literature = "cho2020.mlc.k" }'),
        r'parameters\.mcl\.k: literature = "cho2020\.mlc\.k": .*did you mean',
    ),
    "of another quantity": (
        [("l_0 = 90.0", 'l_0 = { literature = "cho2020.mcl.k", sd = 3.0 }')],
        r'parameters\.mcl\.l_0: literature = "cho2020\.mcl\.k": it is k, not l_0',
    ),
    "no text": (mcl("{ literature = 3 }"), r"parameters\.mcl\.k\.literature = 3: must be a text in quotes"),
    "sd negative": (
        mcl('{ literature = "cho2020.mcl.k", sd = -1 }'),
        r"parameters\.mcl\.k\.sd = -1: must be greater than 0",
    ),
    "sd and factor": (
        mcl('{ literature = "cho2020.mcl.k", sd = 1.0, factor = 1.5 }'),
        r'literature = "cho2020\.mcl\.k": give sd or factor, not both',
    ),
    "misspelt": (
        mcl('{ literature = "cho2020.mcl.k", uper = 1.0 }'),
        r"parameters\.mcl\.k\.uper: unknown key; did you mean 'upper'\?",
    ),
    "of no strand": (
        noise('sigma = { literature = "cho2020.mcl.k" }'),
        rf"noise\.sigma = a table: there are no published values of it; it {FORMS}",
    ),
    "in a test": (
        add('parameters.mcl.k = { literature = "nobody" }'),
        r'tests\.flex60\.parameters\.mcl\.k: literature = "nobody": no such published value',
    ),
}
