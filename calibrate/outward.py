"""How draws leave the program, in Python: as a summary, to ArviZ, to pandas, to a file; the work is elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from calibrate import __version__
from calibrate.texts import printable

if TYPE_CHECKING:
    from calibrate.draws import Draws
    from calibrate.summary import Summary


class Outward:
    """What `Draws` can be turned into; libraries of others are imported when asked for."""

    @property
    def title(self) -> str:
        """What a notebook calls them."""
        return "draws in memory"

    def __repr__(self) -> str:
        draws = cast("Draws", self)
        return f"{type(self).__name__}({printable(self.title)}: {draws.steps} steps, {len(draws.names)} parameters)"

    def _repr_html_(self) -> str:
        from calibrate.notebook_view import of_draws

        return of_draws(cast("Draws", self), self.title)

    def summary(self) -> Summary:
        """Return estimates, convergence and warnings.

        Returns
        -------
        Summary
            A mapping with `converged`, `steps`, `draws`, `parameters` (by name: `unit`, `mean`, `sd`,
            `median`, `q2.5`, `q5`, `q95`, `q97.5`, the Monte-Carlo standard errors `mcse_mean`, `mcse_q5`, `mcse_q95`,
            `rhat`, `ess_bulk`, `ess_tail`, `prior_from` if the prior says, and `truth` if known), `derived` (the same,
            of the draws that they are computed from), `checks` (the verdict's numbers and thresholds), `warnings` and
            more. Numbers that are unknown are None, such as the errors of an angle that some draws do not reach. Of a
            run, `file` and `created`, too.

        Raises
        ------
        ChainError
            If nothing is stored yet.
        """
        from calibrate.summary import summarise  # which knows draws itself

        return summarise(cast("Draws", self))

    @property
    def origin(self) -> dict[str, Any]:
        """What a summary says of where the draws are from."""
        return {"calibrate": __version__}

    def to_arviz(self, predictive: int = 1000) -> Any:
        """Return the calibration as an xarray `DataTree`, as ArviZ takes it (needs the `export` extra).

        Each ensemble is a chain, burn-in dropped. Its draws are in an order in which ArviZ's own R-hat compares what
        the verdict's does, ensembles and their halves, and its effective samples are counted along each walker: see
        `calibrate.export.datatree`. Where this program says converged, they do. They do not know when a run is too
        short to tell; `attrs["converged"]` and `attrs["verdict"]` do.

        Groups:

        - `posterior`: a variable for each parameter, by its name; unit and prior in its attributes. Of a chain with
          many millions of draws every n-th step, as for all estimates.
        - `sample_stats`: `lp`, the log-posterior, and the `step` and `walker` of each draw.
        - `posterior_predictive`, `log_likelihood`: `load` for each reading, of draws evenly spread over the chains.
        - `derived`: what follows from the parameters, of the same draws. It has a group of its own because it takes
          long to compute and is NaN where an angle is not reached, which would make NaN of all that ArviZ says of it.
        - `prior`, `prior_predictive`: knees drawn from the prior that admit a reading, and what would be read on them.
        - `observed_data`: `load`; `constant_data`: `flexion`, `valgus` (1 if the file counts valgus as positive, else
          -1), and `sigma` and `direction` if given.

        Readings of all tests are one after another, in their files' units and signs; the coordinates `angle` (degrees,
        as the file counts) and, of several tests, `test` say where each belongs.

        `az.loo` reckons with a likelihood of each draw of the posterior; of these few draws ask `az.loo(tree, reff=1)`,
        or `calibrate score`.

        Parameters
        ----------
        predictive : int
            Draws at the most in the groups that have a number for each reading, and in `derived`; 0 leaves these out.
            Never more than 20,000, or 2,000 of a knee whose geometry or angle is free, or ten million numbers in all.

        Returns
        -------
        xarray.DataTree
            With provenance as attributes: program, run, data and their SHA-256, seed, steps, burn-in, verdict.

        Raises
        ------
        ChainError
            If nothing is stored yet.
        ExportError
            If xarray is not installed; says how to install it.
        """
        from calibrate.export.datatree import datatree

        return datatree(cast("Draws", self), predictive)

    def to_dataframe(self, draws: int | None = None, *, derived: bool = False) -> Any:
        """Return the draws as a pandas `DataFrame` (needs the `export` extra).

        Parameters
        ----------
        draws : int, optional
            How many at the most: always the same random ones. All by default, of very many every n-th step.
        derived : bool
            Whether what follows from the parameters has columns, too; then there are 20,000 draws at the most, 2,000 of
            a knee whose geometry or angle is free.

        Returns
        -------
        pandas.DataFrame
            Columns `ensemble`, `step` (how many steps the ensemble had taken then), `walker`, `log_prob`, and the
            parameters by name; `attrs["units"]` and `attrs["provenance"]` say what they are and where they come from.

        Raises
        ------
        ChainError
            If nothing is stored yet.
        ExportError
            If pandas is not installed; says how to install it.
        """
        from calibrate.export.tables import to_dataframe

        return to_dataframe(cast("Draws", self), draws, derived=derived)

    def save_netcdf(self, path: str | Path, *, predictive: int = 1000, overwrite: bool = False) -> None:
        """Write what `to_arviz` returns as a netCDF-4 file, which `xarray.open_datatree` reads (`export` extra).

        Parameters
        ----------
        path : str or Path
            The file, whole or not at all.
        predictive : int
            As for `to_arviz`.
        overwrite : bool
            Replace an existing file that this method has written.

        Raises
        ------
        ChainError
            If nothing is stored yet.
        ExportError
            If the file exists or cannot be written; if a library is missing.
        """
        from calibrate.export.save import save_netcdf

        save_netcdf(cast("Draws", self), path, predictive=predictive, overwrite=overwrite)
