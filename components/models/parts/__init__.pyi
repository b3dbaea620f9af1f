from .heads import HEADS as HEADS, check_output as check_output, output_layer as output_layer
from .layers import (
    activated as activated,
    dense_layers as dense_layers,
    embedding_width as embedding_width,
    join as join,
    layer_name as layer_name,
    make_inputs as make_inputs,
    regularizer as regularizer,
    side_vectors as side_vectors,
    to_rgb as to_rgb,
)
from .squeezenet import squeezenet as squeezenet
from .weights import load_weights as load_weights
