"""What the commands' options have in common: one given twice is refused, NAME=VALUE and maps are taken apart."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from calibrate.errors import ConfigError


def _files(incomplete: str, *suffixes: str) -> list[str]:
    """Return what a shell may complete a file's name to: files of these kinds, and folders to go on in."""
    begun = Path(incomplete)
    folder = begun if incomplete.endswith("/") or not incomplete else begun.parent
    try:
        there = sorted(folder.iterdir())
    except OSError:
        return []
    fitting = [one for one in there if str(one).startswith(incomplete) and not one.name.startswith(".")]
    return [f"{one}/" if one.is_dir() else str(one) for one in fitting if one.is_dir() or one.suffix in suffixes]


def complete_run(incomplete: str) -> list[str]:
    """Complete the name of a chain file."""
    return _files(incomplete, ".h5", ".hdf5", ".hdf")


def complete_config(incomplete: str) -> list[str]:
    """Complete the name of a configuration."""
    return _files(incomplete, ".toml")


def complete_parameter(context: typer.Context, incomplete: str) -> list[str]:
    """Complete NAME of NAME=VALUE by the parameters of the configuration or the run that is given before."""
    from calibrate.errors import CalibrateError

    # Before an option has its value, what was given is not yet assigned to its places.
    words = [context.params.get("path"), context.params.get("config"), *context.args]
    given = next((Path(word) for word in words if word is not None and Path(word).is_file()), None)
    try:
        if given is None:
            return []
        if given.suffix == ".toml":
            from calibrate.config import load_config

            config = load_config(given)
        else:
            from calibrate.chain import read

            config = read(given).config
        return [f"{name}=" for name in config.declared() if name.startswith(incomplete)]
    except CalibrateError:  # whoever presses the tab key reads no complaints
        return []


RunArgument = Annotated[
    Path,
    typer.Argument(metavar="RUN.h5", help="A chain file made by 'calibrate run'.", autocompletion=complete_run),
]

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]

BurnIn = Annotated[
    int | None,
    typer.Option("--burn-in", min=0, metavar="N", help="Drop the first N steps; by default the chains tell how many."),
]


# Stands before the name of a key whose words are an option's help, too.
_KEY = "key: "


def key_help(name: str) -> str:
    """Return what stands for the help of an option that takes a configuration key's place.

    The words are the key's own. They are fetched when somebody asks for help, since that loads all of the models.
    """
    return _KEY + name


def print_json(content: Any) -> None:
    """Print one JSON object, and nothing else, to stdout."""
    print(json.dumps(content, indent=2, allow_nan=False))


def said_of(parameter: Any) -> str:
    """Return the help of an argument or an option, in the words of the key whose place it takes."""
    help_text: str = getattr(parameter, "help", None) or ""
    if not help_text.startswith(_KEY):
        return help_text
    from calibrate.config.schema import help_of

    return help_of(help_text.removeprefix(_KEY))


class _Held(io.StringIO):
    """Holds what is for stdout, and says of itself what that one does."""

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a StringIO has none
        return sys.__stdout__.encoding if sys.__stdout__ is not None else "utf-8"


def _held(get_help: Callable[[Any], str], ctx: Any) -> str:
    """Return a help that a pipe is given in one piece, as results are: `--help | head` is no failure."""
    if sys.stdout.isatty():
        return get_help(ctx)  # printed on the way, in colours
    with contextlib.redirect_stdout(_Held()) as held:
        said = get_help(ctx)
    return held.getvalue() + said


class HelpfulGroup(TyperGroup):
    """The commands; their help is written in one piece."""

    def get_help(self, ctx: Any) -> str:
        """Return the help."""
        return _held(super().get_help, ctx)


class OnceCommand(TyperCommand):
    """A command that takes an option's value once, unless the option is meant to be repeated; flags do no harm."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help, with a key's words where an option takes its place."""
        for parameter in self.params:
            parameter.help = said_of(parameter)  # type: ignore[attr-defined]  # arguments and options have it
        super().format_help(ctx, formatter)

    def get_help(self, ctx: Any) -> str:
        """Return the help."""
        return _held(super().get_help, ctx)

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


def parsed_map(items: Sequence[str], option: str) -> dict[str, list[str]]:
    """Return what items like "mcl=MCL1,MCL2" say: a model's names by our strand's name.

    Parameters
    ----------
    items : sequence of str
        As they were typed.
    option : str
        What they were given to, for messages.

    Raises
    ------
    ConfigError
        If one is not of this form, or a strand is given twice.
    """
    found: dict[str, list[str]] = {}
    for item in items:
        ours, equals, theirs = item.partition("=")
        ours, names = ours.strip(), [name.strip() for name in theirs.split(",")]
        if not equals or not ours or not all(names):
            raise ConfigError(f"{option} {item}: has to be of the form NAME=THEIRS, like mcl=MCL1,MCL2")
        if ours in found:
            raise ConfigError(f"{option}: '{ours}' is given twice; give all its ligaments at once, like {ours}=A,B")
        found[ours] = names
    return found


def parsed_settings(option: str, given: list[str] | None) -> dict[str, str]:
    """Return what an option like `--set NAME=VALUE`, given any number of times, says by name.

    Raises
    ------
    ConfigError
        If one is of another form, or a name is there twice.
    """
    found: dict[str, str] = {}
    for each in given or ():
        name, separator, value = (part.strip() for part in each.partition("="))
        if not (name and separator and value):
            raise ConfigError(f"{option} {each}: must be NAME=VALUE, like mcl.k=40")
        if name in found:
            raise ConfigError(f"{option} {each}: {name} is given twice; give it once")
        found[name] = value
    return found
