"""The stages of an experiment, in the order of the data flow."""
