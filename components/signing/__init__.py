"""Signatures of pushed versions: who holds the key has seen these files, under this name and number.

``model.sig`` lies in the version's folder, where TensorFlow Serving passes it over. It is what OpenSSF's
``model-signing`` writes: an in-toto statement with the digest of every file, in a Sigstore bundle, so that its own
command checks it, too. That package is an extra (``make setup SIGNING=1``), imported here and nowhere else.
"""

import lazy_loader

# Other rooms use what __init__.pyi lists, and nothing else; each name loads its module when it is first used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
