"""Names of Redis keys. All keys of a partition carry its hash tag."""

from dealcast.core.ids import DealId, Partition, ShowId, partition_of

CONTROL = "{p00}:control"


def tag(partition: Partition) -> str:
    """Return the hash tag of ``partition``, such as ``{p07}``."""
    return f"{{p{partition:02d}}}"


def meta(partition: Partition) -> str:
    """Hash: epoch, seq, chain, run."""
    return f"{tag(partition)}:meta"


def facts(partition: Partition) -> str:
    """Stream: what the ledger must know; entry ids are ``<seq>-0``."""
    return f"{tag(partition)}:facts"


def ops(partition: Partition) -> str:
    """Sorted set: operation ids that were carried out, by when (ms)."""
    return f"{tag(partition)}:ops"


def due(partition: Partition) -> str:
    """Sorted set: the next deadline (ms) of each deal."""
    return f"{tag(partition)}:due"


def head_keys(partition: Partition) -> list[str]:
    """Return the keys that every changing function takes first."""
    return [meta(partition), facts(partition), due(partition), ops(partition)]


def deal(deal_id: DealId) -> str:
    """Hash: terms, status and stock of a deal."""
    return f"{tag(partition_of(deal_id))}:deal:{deal_id}"


def holds(deal_id: DealId) -> str:
    """Hash: hold -> state|buyer|variant|quantity|expires_at|fingerprint|payment."""
    return f"{deal(deal_id)}:holds"


def buyers(deal_id: DealId) -> str:
    """Hash: buyer -> units held, being paid or bought."""
    return f"{deal(deal_id)}:buyers"


def deadlines(deal_id: DealId) -> str:
    """Sorted set: hold -> when it expires (ms); one being paid is not in it."""
    return f"{deal(deal_id)}:deadlines"


def deal_keys(deal_id: DealId) -> list[str]:
    """Return the four keys of a deal, in the order that the functions take."""
    return [deal(deal_id), holds(deal_id), buyers(deal_id), deadlines(deal_id)]


def log(show: ShowId) -> str:
    """Stream: what everybody may see; entry ids are ``<n>-0``."""
    return f"{tag(partition_of(show))}:log:{show}"


def own(show: ShowId) -> str:
    """Stream: for single users; entry ids are ``<n>-0``."""
    return f"{tag(partition_of(show))}:own:{show}"


def staff(show: ShowId) -> str:
    """Stream: for staff; entry ids are ``<n>-0``."""
    return f"{tag(partition_of(show))}:staff:{show}"


def state(show: ShowId) -> str:
    """Hash: latest-wins state, log counters, deals and pins for the snapshot."""
    return f"{tag(partition_of(show))}:state:{show}"


def gone(show: ShowId) -> str:
    """Set: lines of chat that were deleted."""
    return f"{tag(partition_of(show))}:gone:{show}"


def show_keys(show: ShowId) -> list[str]:
    """Return the four keys of a show, in the order that the functions take."""
    return [log(show), own(show), staff(show), state(show)]
