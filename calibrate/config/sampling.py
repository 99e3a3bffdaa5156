"""How the posterior is sampled: what `[prior]` and `[sampling]` of a configuration may say."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from calibrate.config.base import Count, Model, Number, Positive, Share, said


class PriorConfig(Model):
    """What happens outside the bounds: a quadratic penalty, or hard walls."""

    walls: Annotated[
        Literal["penalty", "hard"],
        said("what stands at bounds: a penalty lets parameters spill a little, hard walls do not"),
    ] = "penalty"
    weight: Annotated[Positive, said("weight of the penalty, per squared unit of the parameter")] = 1e6


class MovesConfig(Model):
    """Shares of the moves: each step is one of them, drawn by these weights. What is not named is not used."""

    block: Annotated[Share, said("share of batch moves: many updates of the whole ensemble in one compiled call")] = 0.0
    stretch: Annotated[Share, said("share of emcee's stretch moves")] = 0.0
    de: Annotated[Share, said("share of emcee's differential evolution")] = 0.0
    snooker: Annotated[Share, said("share of snooker updates, with the factor right that emcee 3.1.6 has wrong")] = 0.0

    @model_validator(mode="after")
    def _check(self) -> MovesConfig:
        shares = self.model_dump().values()
        if not any(shares):
            raise ValueError("all shares are 0, so no walker would move; give one move a positive share")
        if not math.isfinite(sum(shares)):
            raise ValueError("the shares add up to more than a number can be; only their ratios matter, like 8 to 2")
        return self


class SamplingConfig(Model):
    """How the posterior is sampled, and when to stop."""

    seed: Annotated[Count, Field(ge=0), said("seed: one seed gives one chain, on the same kind of machine")] = 1
    ensembles: Annotated[Count, Field(ge=2, le=64), said("independent ensembles of walkers")] = 4
    walkers: Annotated[
        Count,
        Field(ge=4, le=65536),
        said(
            "walkers in each ensemble, an even number; without it, of more than seven parameters as many as `min_ess` "
            "asks for, at least four for each parameter, and of fewer 40 where `min_ess` is 2000 at the most and there "
            "are no signs of hills"
        ),
    ] = 512
    moves: Annotated[
        MovesConfig,
        said("moves by name: each step is one of them, drawn by these shares; what is not named is not used"),
    ] = MovesConfig(block=0.8, stretch=0.1, de=0.1)
    workers: Annotated[
        Annotated[Count, Field(ge=1)] | None,
        said("threads; one for each core without it; the chain does not depend on them"),
    ] = None
    thin: Annotated[Count, Field(ge=1), said("store every n-th step")] = 1
    max_steps: Annotated[Count, Field(ge=1), said("steps of each ensemble at the most")] = 100_000
    max_time: Annotated[Positive | None, said("time of sampling at the most; no limit without it", "s")] = None
    max_rhat: Annotated[Number, Field(gt=1), said("converged: R-hat between ensembles below this")] = 1.01
    min_ess: Annotated[
        Positive,
        Field(le=1e9),
        said("converged: at least so many effective samples of every parameter and of the log-probability"),
    ] = 10_000.0
    durability: Annotated[
        Literal["process", "fsync"],
        said("what is stored survives the end of the process, or with `fsync` a loss of power as well"),
    ] = "process"
    compression: Annotated[Literal["none", "gzip"], said("compression of the finished file")] = "none"

    @model_validator(mode="after")
    def _check(self) -> SamplingConfig:
        if self.thin > self.max_steps:
            raise ValueError(f"thin = {self.thin} is more than max_steps = {self.max_steps}: no step would be stored")
        if self.walkers % 2:
            raise ValueError(f"walkers = {self.walkers}, but an ensemble moves in two halves: use an even number")
        if self.moves.snooker and self.walkers < 6:
            raise ValueError(f"walkers = {self.walkers}, but moves.snooker needs three in each half: use at least 6")
        return self
