"""OpenSim's model files: a stand-alone planar knee, and new ligament values in somebody else's model.

Nothing here needs OpenSim. `planar` writes a knee of its own; `foreign` changes the values of ligaments in a user's
model and leaves every other byte, and `sharing` settles which of several strands gets what; `dialect` and `letters`
read XML as OpenSim does, which is less strict than XML; `places` finds the ligaments in it; `names` and `strands` know
how people write names and what they mean by them. `tree`, `functions`, `joints` and `skeleton` compute a model's
default pose from its file, and `attachments` reads from it where ligaments are attached.
"""

from calibrate.osim.attachments import Attachment, Attachments, attachments
from calibrate.osim.foreign import ForeignModel, update_model
from calibrate.osim.ligament import LIGAMENT, METRES, properties
from calibrate.osim.names import printable, remedy
from calibrate.osim.planar import COORDINATE, planar_model
from calibrate.osim.source import read_model

__all__ = [
    "COORDINATE",
    "LIGAMENT",
    "METRES",
    "Attachment",
    "Attachments",
    "ForeignModel",
    "attachments",
    "planar_model",
    "printable",
    "properties",
    "read_model",
    "remedy",
    "update_model",
]
