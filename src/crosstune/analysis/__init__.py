"""From the tables of a study to levels, intervals and choices: pure, seeded, without torch.

tables           the five tables that an analysis reads
facets           what is rated, and on which scale
configurations   runs that differ only in their seed, as one configuration with a short label
bootstrap        intervals by resampling instructions
levels           configuration × language, with answers that could not be rated counted beside
selection        which configuration English alone would choose, which all languages would, and what that costs
found_languages  which languages the answers are in
training_costs   final loss, tokens and time
"""
