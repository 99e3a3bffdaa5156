"""OpenSim's model files: a stand-alone planar knee, and new ligament values in somebody else's model.

Nothing here needs OpenSim. `planar` writes a knee of its own; `foreign` changes the values of ligaments in a user's
model and leaves every other byte; `dialect` and `letters` read XML as OpenSim does, which is less strict than XML;
`places` finds the ligaments in it; `names` and `strands` know how people write names and what they mean by them.
"""

from calibrate.osim.foreign import ForeignModel, update_model
from calibrate.osim.ligament import LIGAMENT, METRES, properties
from calibrate.osim.planar import COORDINATE, planar_model

__all__ = [
    "COORDINATE",
    "LIGAMENT",
    "METRES",
    "ForeignModel",
    "planar_model",
    "properties",
    "update_model",
]
