"""Stage `evaluation`: word similarity and analogies."""
