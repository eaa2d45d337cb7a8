"""What several rooms need: errors, files, progress bars, downloads, statistics."""
