"""The push: a blessed model becomes the next version in production. The door of the room is :class:`RegistryPusher`."""

from components.pushing.executor import RegistryPusher

__all__ = ["RegistryPusher"]
