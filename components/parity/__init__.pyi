from .component import ParityCheck as ParityCheck
