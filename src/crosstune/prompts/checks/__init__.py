"""Does an answer follow what a modifier asks? One family of checks a file; `table.CHECKS` is the table of them."""
