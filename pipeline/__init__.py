"""What arranges the steps: the config, the graph, the runners, the registry of models and the command line."""
