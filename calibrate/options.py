"""An option given twice is a slip: the command line refuses it instead of keeping the last in silence."""

from __future__ import annotations

from collections import Counter
from typing import Any

from typer.core import TyperCommand

from calibrate.errors import ConfigError


class OnceCommand(TyperCommand):
    """A command that takes an option's value once, unless the option is meant to be repeated; flags do no harm."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse, after a look at what is given how often.

        Raises
        ------
        ConfigError
            If an option with one value has several.
        """
        _, _, given = self.make_parser(ctx).parse_args(args=list(args))
        for name, times in Counter(parameter.name for parameter in given).items():
            parameter = next(parameter for parameter in given if parameter.name == name)
            alone = parameter.param_type_name == "option" and not (
                getattr(parameter, "multiple", False) or getattr(parameter, "is_flag", False)
            )
            if alone and times > 1:
                raise ConfigError(f"{'/'.join(parameter.opts)}: given {times} times; give it once")
        return super().parse_args(ctx, args)
