"""What each section of the report shows, as tables: from findings to rows, and why there are none.

transfer   facet profile, transfer gaps, retention
choosing   what four criteria choose and cost, comparisons, Pareto front
settings   effects of learning rate, data, adaptation and base model
failures   by task, tag, modifier and script; weak spots; failures that tell most
people     how far people agree with one another and with judges
"""
