from .writing import KINDS as KINDS, write_module as write_module
