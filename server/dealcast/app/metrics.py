"""What the clerk counts."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class Metrics:
    """The clerk's metrics, in the registry of the process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.ledger_lag = Gauge(
            "dealcast_ledger_lag_facts",
            "Facts that Redis has and the ledger has not.",
            registry=registry,
        )
        self.archive_lag = Gauge(
            "dealcast_archive_lag_entries",
            "Log entries that Redis has and the archive has not.",
            registry=registry,
        )
        self.archive_lost = Counter(
            "dealcast_archive_lost_entries_total",
            "Log entries that Redis no longer had when the archive asked.",
            registry=registry,
        )
