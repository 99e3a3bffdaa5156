"""How the posterior is sampled: what `[prior]` and `[sampling]` of a configuration may say."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from calibrate.config.values import Count, Model, Number, Positive, Share


class PriorConfig(Model):
    """What happens outside the bounds: a quadratic penalty, or hard walls."""

    walls: Literal["penalty", "hard"] = "penalty"  # 'penalty' lets parameters spill a little; 'hard' does not
    weight: Positive = 1e6  # weight of the penalty, per squared unit of the parameter


class MovesConfig(Model):
    """Shares of the moves: each step is one of them, drawn by these weights. What is not named is not used."""

    block: Share = 0.0  # many updates of the whole ensemble in one compiled call
    stretch: Share = 0.0  # emcee's stretch move
    de: Share = 0.0  # emcee's differential evolution
    snooker: Share = 0.0  # snooker updates, the factor right that emcee 3.1.6 has wrong

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

    seed: Annotated[Count, Field(ge=0)] = 1  # one seed gives one chain
    ensembles: Annotated[Count, Field(ge=2, le=64)] = 4  # independent ensembles of walkers
    walkers: Annotated[Count, Field(ge=4, le=65536)] = 512  # in each ensemble, even; fewer beyond seven parameters
    moves: MovesConfig = MovesConfig(block=0.8, stretch=0.1, de=0.1)  # shares of the moves, by name
    # Threads; one for each core by default. The chain does not depend on it.
    workers: Annotated[Count, Field(ge=1)] | None = None
    thin: Annotated[Count, Field(ge=1)] = 1  # store every n-th step
    max_steps: Annotated[Count, Field(ge=1)] = 100_000  # steps of each ensemble at the most
    max_time: Positive | None = None  # seconds of sampling at the most
    max_rhat: Annotated[Number, Field(gt=1)] = 1.01  # converged: R-hat between ensembles below this
    min_ess: Positive = 10_000.0  # converged: at least this many effective samples of every parameter

    # What is stored survives the end of the process; with 'fsync' a loss of power as well.
    durability: Literal["process", "fsync"] = "process"
    compression: Literal["none", "gzip"] = "none"  # of the finished file

    @model_validator(mode="after")
    def _check(self) -> SamplingConfig:
        if self.thin > self.max_steps:
            raise ValueError(f"thin = {self.thin} is more than max_steps = {self.max_steps}: no step would be stored")
        if self.walkers % 2:
            raise ValueError(f"walkers = {self.walkers}, but an ensemble moves in two halves: use an even number")
        if self.moves.snooker and self.walkers < 6:
            raise ValueError(f"walkers = {self.walkers}, but moves.snooker needs three in each half: use at least 6")
        return self
