"""Measures of answers that need no rater: a response and its prompt in, a score out."""
