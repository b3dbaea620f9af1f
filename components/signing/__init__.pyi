from .keys import check_private_key as check_private_key, check_public_key as check_public_key
from .signatures import (
    SignatureRefused as SignatureRefused,
    check_signature as check_signature,
    read_signer as read_signer,
    sign_version as sign_version,
)
