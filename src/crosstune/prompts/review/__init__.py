"""Looking through prompt sets for what a careful editor would not let pass: rows of data, not answers."""
