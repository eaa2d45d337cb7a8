"""Stage `best`: pick the strength that does best on dev, and score test once."""
