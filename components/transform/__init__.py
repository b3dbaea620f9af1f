"""The preprocessing of every column as one TensorFlow graph: analysed here once, applied wherever examples are read.

Transform runs :func:`preprocessing_fn` only to analyse (means, vocabularies, quantiles) and to write the graph.
Training, evaluation and serving apply that graph to raw examples, so there is no second copy of the data and no skew.

Columns of a kind are treated together, as one matrix: the time to build and load a graph goes by its number of
operations, and tables have hundreds of columns.
"""
