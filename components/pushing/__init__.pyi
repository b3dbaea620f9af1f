from .component import RegistryPush as RegistryPush
from .options import DROPS as DROPS, PushOptions as PushOptions, check_limits as check_limits
