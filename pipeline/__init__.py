"""What arranges the steps: the config, the graph, the runners, the registry of models and the command line.

From Python and from notebooks the door is ``import kerasline``; whatever else there is to do is a command:
``kerasline --help``.
"""
