from .component import ModelGate as ModelGate
