"""The report of a study: one self-contained HTML file, other formats, and a model card.

findings        what a report says, found once for all formats
sections        findings as tables, section by section, or the sentence why there is none
report          puts the page together and writes it
export          Markdown, CSV and JSON; frames has the flat tables
figures         figures as SVG and PNG files
model_card      a card for the Hugging Face hub
wording         the sentences: the decision, its uncertainty, and what cannot be said; sentences puts them in order
charts          figures as SVG, made when the report is written; profile_charts those over all languages
tabular         a table and how its cells are shown
answers         the answers that can be read without a script
packed          all answers, compressed, for the page's script
pruned          configurations that a search left out early
judging         what judges say of one another and of themselves
text            how numbers and untrusted text are shown
templates       the page: Jinja with autoescape, style, and a script that filters answers and makes CSV
"""
