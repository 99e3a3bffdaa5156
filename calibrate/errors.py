"""The errors a user can cause, each one sentence long and written for that user.

Everything the program refuses is a `CalibrateError`; the command line prints it on one line and leaves with
exit code 2. Anything else that surfaces is a bug in the program.
"""


class CalibrateError(Exception):
    """A problem with what the program was given: says where, what was found and what would be right."""


class ConfigError(CalibrateError):
    """A configuration file that cannot be used: names the file, the key, the value and the remedy."""


class DataError(CalibrateError):
    """A measurement file that cannot be used: names the file, the line or column, and the remedy."""


class GeometryError(CalibrateError):
    """A knee whose condyles or attachments admit no pose or no load."""


class ParameterError(CalibrateError, ValueError):
    """Ligament parameters with which the law has no meaning, or not as many as it has."""


class CallOrderError(CalibrateError, RuntimeError):
    """A step of a model asked for before the one it rests on: says which to call first."""


class ExportError(CalibrateError):
    """An export that cannot be written, or a foreign model that cannot take the ligaments."""


class ChainError(CalibrateError):
    """A chain file that cannot be created, read, resumed or written."""


class RunError(CalibrateError):
    """Something failed in mid-run; what was stored before is whole. The command line leaves with exit code 1."""
