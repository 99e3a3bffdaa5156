"""What to measure next: how far candidate readings may be expected to narrow a quantity's posterior.

All of it supposes that the model is true and that its errors are as the posterior in hand says.
"""

from calibrate.design.candidates import Candidate, chosen, menu
from calibrate.design.choice import Design, Outlook, what_next

__all__ = ["Candidate", "Design", "Outlook", "chosen", "menu", "what_next"]
