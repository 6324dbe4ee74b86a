"""The web app in which people rate answers.

criteria, records            what is rated, and the rows of the database
schema.sql, database         one SQLite file
items, handing_out           which answers there are, which are to be rated by how many, and who gets which next
annotators, links            who rates, and their personal links
entries, saving, standing    marks, notes and marked words: what arrives, how it is kept, and what holds now
export, importing, label_studio   tables and files, both ways
texts                        the words of the interface, by language
markdown, security, server/  pages
"""
