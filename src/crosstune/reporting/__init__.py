"""The HTML report of a study: one self-contained file.

report     puts it together and writes it
wording    the sentences: the decision, its uncertainty, and what cannot be said
charts     figures as SVG, made when the report is written
answers    the answers, by prompt
text       how numbers and untrusted text are shown
templates  the page: Jinja with autoescape, style, and a little script that only filters
"""
