"""A server for development: TensorFlow Serving's REST API over the models of a workspace."""
