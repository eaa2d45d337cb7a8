"""Stage `features`: a text is the mean of its words' vectors."""
