from .component import RegistryPush as RegistryPush
from .options import PushOptions as PushOptions
