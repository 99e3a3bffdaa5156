"""Other programs' files: measurements as laboratories write them, one reader a format, and OpenSim's knees.

`read` turns a file into columns, `convert` columns and a user's answers into a measurement, `template` measurements
into a configuration. `osim_knee` reads a knee from a model.
"""
