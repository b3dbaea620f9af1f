"""The push: a blessed model becomes the next version in production. The door of the room is :class:`RegistryPush`."""

from kerasline.components.pushing.component import RegistryPush

__all__ = ["RegistryPush"]
