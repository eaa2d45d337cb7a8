"""Stage `vectors`: train word vectors, or load pretrained ones."""
