"""Rules of holding: pure."""

from dealcast.core.ids import VariantId, digest


def fingerprint(variant: VariantId, quantity: int) -> str:
    """Name what was asked for: the same key must mean the same."""
    return digest(16, variant, str(quantity))
