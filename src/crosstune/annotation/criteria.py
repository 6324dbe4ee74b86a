"""What people rate. Titles, questions and meanings of the marks are texts (see `texts`); here is what programs need."""

FACETS = ("language", "fluency", "helpfulness", "accuracy", "coherence", "harmlessness")
"""In the order in which they are shown."""

FLUENCY = "fluency"

ZERO_WITHOUT_FLUENCY = ("helpfulness", "accuracy", "coherence")
"""For which 0 is suggested where fluency is 0: what can hardly be understood cannot help, be right or hang together."""

MARKS = (0, 1, 2)

SKIP_REASONS = ("language", "knowledge", "unclear", "distressing", "broken", "other")
"""Why an answer may be skipped."""
