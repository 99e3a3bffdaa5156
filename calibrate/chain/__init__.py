"""The HDF5 file of a run: its layout, the backends that stream into it, and reading it back.

One file per run. Groups `ensemble_0`, `ensemble_1`, ... have emcee's own layout, so that
`emcee.backends.HDFBackend(file, name="ensemble_0", read_only=True)` reads them. The group `calibrate` holds all that
is needed to go on: configuration, data of every test, first walkers, and where it all came from. Files of schema 2,
which have one test without a name, are read, gone on with and repaired, and stay of that schema.

What holds, and why
-------------------
*The metadata of a file that has a name never change.* To make, enlarge or finish a run, a complete new file is written
under a hidden name beside it and then renamed: a process killed at any moment leaves the old file or the new one.
(Resizing HDF5 datasets in place does not have this property: some prefixes of the writes that it consists of leave a
file that cannot be opened. `tests/test_crash.py` shows both, stopping after every single write.)

*Between these, only raw bytes are written, in this order*: the rows of all ensembles into room that was allocated when
the file was made, then one of two slots that say how many rows count, with the accepted moves, the random states and
a CRC-32. A record is whole or it does not count, and then the one before it does. Rows that count are never written
again. So a process killed at any moment, and a reader at any moment, has completed blocks only; and the chain goes on
from the random state that belongs to its last row, so it is to the last bit the chain of a run never stopped.

*Neither side waits for the other.* Readers take no lock, keep the file that they have opened whatever takes its name,
and never write. The writer holds a shared lock, which keeps other HDF5 programs from writing to the file; a lock file
beside it keeps other writers of calibrate out, and is void once its process is gone.

*A failing write loses nothing.* Rows without room leave the last record as it was; a new file without room is dropped.
A writer goes on in the file that it has open, too, whatever becomes of its name: the next whole file has the name
again, unless something else has taken it, which is left alone and said.

*A file is not believed.* Whatever is read is bounded by what the file's size allows, typed and range-checked before
use (`guard`, `slots.check`), and who reads a chain compares it with the posterior that its file describes (`problem`).

*Damage at rest is noticed.* Chunks have HDF5's Fletcher32 checksums, single texts a SHA-256, the counts and the random
state of an ensemble a CRC-32; labels on which no number depends (dates, versions, names of files) have none. Room to
which a damaged index does not lead any more reads as NaN, which no chain has. A live file has checksums in its slots.

What is not promised: that the file survives the machine's losing power, unless `durability = "fsync"`, and then only
what the drive has honestly written; locks and the order of writes on network file systems; a run whose free space
does not suffice for a second copy is not enlarged or finished, but says so. It needs a POSIX system.
"""

from calibrate.chain.disk import Disk
from calibrate.chain.lock import is_written, writing
from calibrate.chain.origin import SCHEMA, RunFile, differences, fingerprint, new_origin
from calibrate.chain.reader import Chains, Stored, extremes, is_unfinished, read, read_chains, read_run
from calibrate.chain.whole import companions, create
from calibrate.chain.writer import ChainWriter, StreamingBackend

__all__ = [
    "SCHEMA",
    "ChainWriter",
    "Chains",
    "Disk",
    "RunFile",
    "Stored",
    "StreamingBackend",
    "companions",
    "create",
    "differences",
    "extremes",
    "fingerprint",
    "is_unfinished",
    "is_written",
    "new_origin",
    "read",
    "read_chains",
    "read_run",
    "writing",
]
