"""One measure a file; `scoring.score.SCORERS` is the table of them."""
