"""Stage `sweep`: fit the classifier at every regularisation strength."""
