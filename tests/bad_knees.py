"""Knees that cannot be meant: strands and geometry; each with what is said of it."""

from __future__ import annotations

from bad_general import Bad, add

STRANDS: dict[str, Bad] = {
    "without parameters": (
        [("[parameters.dmcl]\nk = 30.0\nalpha = 0.06\nreference_strain = 0.02\n", "")],
        r"parameters\.dmcl\.k: missing",
    ),
    "without a place": (
        [("dmcl = { femur = [-38.0, 1.7, 1.0], tibia = [-31.4, -62.3, 2.5] }\n", "")],
        r"parameters\.dmcl: there is no such strand in \[knee\]; did you mean 'mcl'\?",
    ),
    "without a place in a test": (
        add("parameters.pol.k = 3.0"),
        r"tests\.flex60\.parameters\.pol: there is no such strand in \[knee\]; add knee\.pol",
    ),
    "unknown in a test's knee": (
        add("knee.pol = { femur = [1.0, 2.0] }"),
        r"tests\.flex60\.knee\.pol: there is no such strand in \[knee\]",
    ),
    "without a slack length": (
        [("reference_strain = 0.02\n", "")],
        r"parameters\.dmcl\.l_0: missing, and tests\.flex30 has none of its own; give l_0 or reference_strain",
    ),
    "a slack length in one test only": (
        [("reference_strain = 0.02\n", ""), *add("parameters.dmcl.l_0 = 60.0")],
        r"parameters\.dmcl\.l_0: missing, and tests\.flex30 has none",
    ),
    "both": (
        [("l_0 = 90.0", "l_0 = 90.0\nreference_strain = 0.02")],
        r"parameters\.mcl: l_0 and reference_strain are both given, and each says the other; keep one",
    ),
    "both in a test": (
        add("parameters.mcl = { l_0 = 90.0, reference_strain = 0.0 }"),
        r"tests\.flex60\.parameters\.mcl: l_0 and reference_strain are both given",
    ),
    "both in a further strand": (
        [("reference_strain = 0.02", "reference_strain = 0.02\nl_0 = 60.0")],
        r"parameters\.dmcl: l_0 and reference_strain are both given",
    ),
    "no tibia": (
        [("dmcl = { femur = [-38.0, 1.7, 1.0], tibia = [-31.4, -62.3, 2.5] }", "dmcl = { femur = [-38.0, 1.7, 1.0] }")],
        r"knee\.dmcl\.tibia: missing",
    ),
    "a third coordinate on one attachment": (
        [("tibia = [-31.4, -62.3, 2.5]", "tibia = [-31.4, -62.3]")],
        r"knee\.dmcl: femur has a third coordinate and tibia has none; give both or neither",
    ),
    "a third coordinate in a test alone": (
        add("knee.mcl.femur = [-40.0, 0.0, 3.0]"),
        r"tests\.flex60\.knee\.mcl\.femur has 3 coordinates and knee\.mcl has 2; give as many in both",
    ),
    "four coordinates": (
        [("femur = [-38.0, 1.7, 1.0]", "femur = [-38.0, 1.7, 1.0, 2.0]")],
        r"knee\.dmcl\.femur = \[-38\.0, 1\.7, 1\.0, 2\.0\]: must be two numbers or three",
    ),
    "a misspelt parameter": (
        [("reference_strain = 0.02", "reference_strian = 0.02")],
        r"parameters\.dmcl\.reference_strian: unknown key; did you mean 'reference_strain'\?",
    ),
    "a misspelt attachment": (
        [("femur = [-38.0, 1.7, 1.0]", "femr = [-38.0, 1.7, 1.0]")],
        r"knee\.dmcl\.femr: unknown key; did you mean 'femur'\?",
    ),
    "a misspelt key of a test's strand": (
        add("parameters.mcl.alhpa = 0.05"),
        r"tests\.flex60\.parameters\.mcl\.alhpa: unknown key; did you mean .alpha.",
    ),
    "a misspelt key of a test's further strand": (
        add("parameters.dmcl.alhpa = 0.05"),
        r"tests\.flex60\.parameters\.dmcl\.alhpa: unknown key; did you mean 'alpha'\?",
    ),
    "a misspelt end of a test's further strand": (
        add("knee.dmcl.femr = [-38.0, 1.7, 1.0]"),
        r"tests\.flex60\.knee\.dmcl\.femr: unknown key; did you mean 'femur'\?",
    ),
    "a name with a blank": (
        [("dmcl = {", '"deep mcl" = {'), ("parameters.dmcl", 'parameters."deep mcl"')],
        r"the strand 'deep mcl': a name is",
    ),
    "a name with a dot": (
        [("dmcl = {", '"d.mcl" = {'), ("parameters.dmcl", 'parameters."d.mcl"')],
        r"the strand 'd\.mcl': a name is",
    ),
    "a reserved name": (
        [("dmcl = {", "noise = {"), ("parameters.dmcl", "parameters.noise")],
        r"the strand 'noise': this name has a meaning",
    ),
    "a number": (
        [("[parameters.dmcl]\n", "[parameters]\ndmcl = 3\n[parameters.x]\n")],
        r"parameters\.dmcl: unknown key; did you mean 'mcl'\?",
    ),
}
GEOMETRY: dict[str, Bad] = {
    "a negative radius": (
        [("radius = 20.0", "radius = -20.0")],
        r"knee\.lateral_condyle: radius = -20, but it has to be pos",
    ),
    "a distribution of negative radii": (
        [("radius = 20.0", "radius = { mean = -20.0, sd = 1.0 }")],
        r"knee\.lateral_condyle: radius: mean = -20 with sd = 1, but radius is positive",
    ),
    "a negative bound of a radius": (
        [("radius = 20.0", "radius = { lower = -1.0, upper = 30.0 }")],
        r"knee\.lateral_condyle: radius: lower = -1, but radius is positive",
    ),
    "a condyle that is a distribution": (
        [("{ centre = [22.0, -20.0], radius = 20.0 }", "{ mean = 22.0, sd = 1.0 }")],
        r"knee\.lateral_condyle\.mean: unknown key; known here: centre, radius",
    ),
    "a centre that is a distribution": (
        [("centre = [22.0, -20.0]", "centre = { mean = 22.0, sd = 1.0 }")],
        r"knee\.lateral_condyle\.centre = a table: must be two numbers",
    ),
    "a strand that is a distribution": (
        [("mcl = { femur = [-40.0, 0.0], tibia = [-36.0, -94.8] }", "mcl = { mean = 3.0, sd = 1.0 }")],
        r"knee\.mcl\.mean: unknown key; known here: femur, tibia",
    ),
    "a flexion that is a distribution": (
        [("reference_flexion = 0.0", "reference_flexion = { mean = 0.0, sd = 1.0 }")],
        r"knee\.reference_flexion = a table: must be a number",
    ),
    "a reference flexion beyond any": (
        [("reference_flexion = 0.0", "reference_flexion = 181.0")],
        r"knee\.reference_flexion = 181\.0: must be less than or equal to 180",
    ),
    "a reference flexion below any": (
        [("reference_flexion = 0.0", "reference_flexion = -31.0")],
        r"knee\.reference_flexion = -31\.0: must be greater than or equal to -30",
    ),
    "a flexion beyond any": (
        [("flexion = 60.0", "flexion = 200.0")],
        r"tests\.flex60\.flexion = 200\.0: must be less than or equal to 180",
    ),
    "rolling beyond one": (
        [("reference_flexion = 0.0", "rolling = { lower = 0.0, upper = 2.0 }")],
        r"knee\.rolling\.upper = 2\.0: must be less",
    ),
    "a test's rolling": (
        add("knee.rolling = 1.5"),
        r"tests\.flex60\.knee\.rolling = 1\.5: must be less than or equal to 1",
    ),
    "a test's misspelt rolling": (
        add("knee.roling = 0.5"),
        r"tests\.flex60\.knee\.roling: unknown key; did you mean 'rolling'\?",
    ),
    "a test's radius in centimetres": (
        add("knee.medial_condyle.radius = 2.0"),
        r"tests\.flex60\.knee\.medial_condyle\.radius = 2 mm means nothing in a knee.*centimetres",
    ),
    "a test's attachment above the joint line": (
        add("knee.lcl.tibia = [36.0, 63.1]"),
        r"tests\.flex60\.knee\.lcl\.tibia = \[36, 63\.1\] lies above the joint line",
    ),
    "a test's knee without a pose": (
        add("knee.medial_condyle.centre = [60.0, -20.0]"),
        r"tests\.flex60\.knee: .*lateral of the medial",
    ),
    "an axis of three": (
        [("reference_flexion = 0.0", "flexion_axis = [0.0, 0.0, 0.0]")],
        r"knee\.flexion_axis = \[0\.0, 0\.0, 0\.0\]: must be two",
    ),
    "a tied condyle out of the knee": (
        [
            ("radius = 20.0", 'radius = "knee.medial_condyle.radius"'),
            ("[-22.0, -20.0], radius = 20.0", "[-22.0, -20.0], radius = 0.2"),
        ],
        r"knee\.\w+_condyle\.radius = 0\.2 mm means nothing in a knee",
    ),
}
