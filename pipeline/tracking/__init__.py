"""MLflow: connect, log runs, upload, fetch and register them."""
