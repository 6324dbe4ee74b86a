"""Instruction data: sets that ship with crosstune, files in the usual formats, hub data sets, as conversations."""
