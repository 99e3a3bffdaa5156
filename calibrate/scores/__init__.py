"""How well a calibrated knee foretells readings: those it was fitted to, one left out, a whole test held out."""
