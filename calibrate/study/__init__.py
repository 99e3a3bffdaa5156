"""A study: many knees, calibrated one like the other, in one file a shard.

`load_study` reads which knees there are, `run_cohort` calibrates each by itself, `open_cohort` reads the results.
"""

from calibrate.study.cohort import CohortOutcome, CohortProgress, run_cohort
from calibrate.study.knees import Knee, Study, load_study
from calibrate.study.results import Cohort, KneeResult, open_cohort

__all__ = [
    "Cohort",
    "CohortOutcome",
    "CohortProgress",
    "Knee",
    "KneeResult",
    "Study",
    "load_study",
    "open_cohort",
    "run_cohort",
]
