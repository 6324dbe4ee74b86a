"""Other software that crosstune is measured beside and that needs an environment of its own."""
