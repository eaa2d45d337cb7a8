"""The compiled inner loops of the trainers."""
