"""From the tables of a study to levels, intervals and choices: pure, seeded, without torch.

tables             the five tables that an analysis reads
facets             what is rated, and on which scale
configurations     runs that differ only in their seed, as one configuration with a short label
bootstrap          intervals by resampling instructions; ratios: of a ratio of two levels
levels             configuration × language, with answers that could not be rated counted beside
summary            levels of any scores by any columns, with intervals from formulas
composite          a facet that is made of others by plain conditions; composite_config: those conditions
paired_values      values laid out so that what is compared is compared on the same prompts
transfer           English against other languages, tuned against untuned
comparisons        configurations in pairs; significance: p-values, Holm's correction, what a number can show
selection          which configuration English alone would choose, which all languages would, and what that costs
choices            four criteria side by side, with regret in every language and stability
pareto             configurations that no other beats in quality, correct language and cost
factors            effects of the settings that vary; design: those settings as columns of a regression
learning_rates     levels along the learning rate
breakdowns         levels by task, tag, modifier, region and script, and where a configuration is weakest
found_languages    which languages the answers of a study are in; fallback_languages: of any scores
telling_failures   failures that go against what everything else makes one expect
agreement          judges, people and measures against each other
training_costs     final loss, tokens and time
"""
