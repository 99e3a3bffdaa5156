"""What queues of clusters are given so that each task does one shard: ten lines to print, to keep and to change."""

from __future__ import annotations

import shlex
from collections.abc import Sequence


def slurm(arguments: Sequence[str], shards: int) -> str:
    """Return a job array for SLURM's `sbatch`.

    Parameters
    ----------
    arguments : sequence of str
        The command and what it is given, without the shard.
    shards : int
        Tasks.
    """
    command = shlex.join(arguments)
    return f"""#!/bin/bash
#SBATCH --job-name=calibrate
#SBATCH --array=1-{shards}
#SBATCH --cpus-per-task=1
#SBATCH --mem-per-cpu=2G
#SBATCH --time=04:00:00
#SBATCH --requeue
# A task that is started again does what it has not done. Code 3: all done, but some knees have not converged.
{command} --shard "$SLURM_ARRAY_TASK_ID/{shards}" --workers "$SLURM_CPUS_PER_TASK" --resume || test $? -eq 3
"""


def htcondor(arguments: Sequence[str], shards: int) -> str:
    """Return a submit description for HTCondor's `condor_submit`, for machines that share the folder.

    Parameters
    ----------
    arguments, shards
        As for `slurm`.
    """
    command, *rest = [*arguments, "--shard", f"$INT(shard)/{shards}", "--workers", "1", "--resume"]
    quoted = " ".join(_quoted(one) for one in rest)
    return f"""executable = {command}
arguments = "{quoted}"
shard = $(Process) + 1
log = calibrate.log
error = calibrate-$(Process).err
request_cpus = 1
request_memory = 2GB
# Code 3: all done, but some knees have not converged.
on_exit_remove = (ExitBySignal == False) && (ExitCode == 0 || ExitCode == 2 || ExitCode == 3)
queue {shards}
"""


def _quoted(argument: str) -> str:
    """Return an argument as HTCondor's new syntax has it: blanks in single quotes, quotes doubled."""
    inner = argument.replace("'", "''").replace('"', '""')
    return f"'{inner}'" if inner != argument or not argument or set(argument) & set(" \t") else argument
