"""Which names are strands of one ligament, and which stand for themselves."""

from __future__ import annotations

import pytest

from calibrate.osim.names import listed, remedy
from calibrate.osim.strands import strands

# As public models have them.
KNEES = {
    "numbers": ("MCL1 MCL2 MCL3 LCL1 LCL2 ACLam1 PCLal1 PT1", "MCL1", "mcl", "MCL1 MCL2 MCL3"),
    "layers": ("MCLd1 MCLd2 MCLs1 MCLs2 MCLp1 LCL1 ITB1", "MCLs1", "mcl", "MCLd1 MCLd2 MCLs1 MCLs2 MCLp1"),
    "layers in front": ("sMCL_a sMCL_p dMCL LCL pMCL PFL", "dMCL", "mcl", "sMCL_a sMCL_p dMCL pMCL"),
    "words": ("MCL_deep MCL_superficial_anterior LCL aLCL", "MCL_deep", "mcl", "MCL_deep MCL_superficial_anterior"),
    "lower case": ("mcl_1 mcl_2 lcl acl_1", "mcl_2", "mcl", "mcl_1 mcl_2"),
    "the lateral one": ("LCL1 LCL2 LCL3 MCL PLC", "LCL3", "lcl", "LCL1 LCL2 LCL3"),
    "one of a knee": ("MCL LCL ACL PCL", "MCL", "mcl", "MCL"),
    "two knees": ("MCL_r LCL_r MCL_l LCL_l", "MCL_r", "mcl", "MCL_r"),
    "two knees, strands": ("MCL1_r MCL2_r MCL1_l MCL2_l", "MCL1_l", "mcl", "MCL1_l MCL2_l"),
    "two knees, side in front": ("r_MCL l_MCL r_MCL_deep", "r_MCL", "mcl", "r_MCL r_MCL_deep"),
    "two knees, a letter in front": ("rMCL lMCL rMCLd lLCL rLCL", "rMCL", "mcl", "rMCL rMCLd"),
    "two knees, capitals in front": ("RMCL LMCL LLCL RLCL", "RLCL", "lcl", "RLCL"),
    "two knees, a letter behind": ("MCLr MCLl LCLl LCLr", "LCLl", "lcl", "LCLl"),
    "two knees, words": ("right_MCL left_MCL left_MCL_2", "left_MCL", "mcl", "left_MCL left_MCL_2"),
    "two knees, a number first": ("MCL1r MCL2r MCL1l", "MCL1r", "mcl", "MCL1r MCL2r"),
    "no side given": ("MCL MCL_r MCL_l", "MCL", "mcl", "MCL MCL_r MCL_l"),
    "other words, numbers": ("TibCol_1 TibCol_2 FibCol_1 ACL_1", "TibCol_1", "mcl", "TibCol_1 TibCol_2"),
    "other words, letters": ("tc-a tc-b tc-c fc-a", "tc-c", "mcl", "tc-a tc-b tc-c"),
    "other words, alone": ("medial lateral anterior", "medial", "mcl", "medial"),
    "a cruciate for a collateral": ("ACLam1 ACLam2 MCL1", "ACLam1", "mcl", "ACLam1 ACLam2"),
    "numbers only": ("1 2 3", "1", "mcl", "1"),
    "thirty": (" ".join(f"MCL{i}" for i in range(30)), "MCL7", "mcl", " ".join(f"MCL{i}" for i in range(30))),
}


@pytest.mark.parametrize("case", KNEES)
def test_strands_of_one_ligament_are_seen_and_other_ligaments_and_the_other_knee_are_not(case):
    names, name, kind, expected = KNEES[case]
    assert strands(name, names.split(), kind) == expected.split()


def test_very_many_names_are_cut():
    names = [f"L{i}" for i in range(500)]
    assert listed(names).endswith("L38, L39 and 460 more")
    assert listed(names[:40]).endswith("L38, L39")
    assert remedy("nothing near", names).startswith("it has: L0, L1")
    assert remedy("x", []) == "it has: none at all"
