"""Ask OpenSim, in a process of its own since it may crash, which ligaments it reads from a model."""

from __future__ import annotations

import importlib.util
import json
import os
import select
import subprocess
import sys

# Reads paths from stdin; answers a list of [name in hex, stiffness, transition strain, slack length, applies force],
# or what OpenSim complains of.
WORKER = """
import json, os, sys
answers = os.fdopen(os.dup(1), "w")
quiet = os.open(os.devnull, os.O_WRONLY)
os.dup2(quiet, 1)
os.dup2(quiet, 2)
import opensim
opensim.Logger.setLevelString("off")
for line in sys.stdin:
    try:
        found = []
        model = opensim.Model(line.rstrip())
        for part in model.getComponentsList():
            ligament = opensim.Blankevoort1991Ligament.safeDownCast(part)
            if ligament is not None:
                values = ligament.get_linear_stiffness(), ligament.get_transition_strain(), ligament.get_slack_length()
                found.append([os.fsencode(ligament.getName()).hex(), *values, ligament.get_appliesForce()])
    except Exception as error:
        found = str(error)
    print(json.dumps(found), file=answers, flush=True)
"""
INSTALLED = importlib.util.find_spec("opensim") is not None
PATIENCE = 120.0


class OpenSim:
    """OpenSim, asked again and again."""

    def __init__(self, folder):
        self._path = folder / "asked.osim"
        self._process = None

    def read(self, model):
        """Return `{name in bytes: (stiffness, transition strain, slack length)}`, or None if not read."""
        found = self._ask(model)
        return None if isinstance(found, str) else {bytes.fromhex(name): tuple(rest[:3]) for name, *rest in found}

    def switched_off(self, model):
        """Return the names of ligaments that do not pull."""
        return {bytes.fromhex(name) for name, *_, applies in self._ask(model) if not applies}

    def _ask(self, model):
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-c", WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        self._path.write_bytes(model)
        print(os.fspath(self._path), file=self._process.stdin, flush=True)
        answer = ""
        if select.select([self._process.stdout], [], [], PATIENCE)[0]:
            answer = self._process.stdout.readline()
        if not answer:  # it crashed, or hangs
            self.close()
            return "crashed"
        if b"defaults" in model:  # OpenSim would keep them for the next model
            self.close()
        return json.loads(answer)

    def close(self):
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
