"""A network, or anyone's images → results with their protocol."""

from aldsr.data import describe_lr
from aldsr.nn.description import BACKBONES, block_terms, complete_description, label
from aldsr.nn.weights import read_degradation
