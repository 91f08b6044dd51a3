"""What the hub counts. No ids as labels: their number has no bound."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """The hub's metrics, in the registry of the process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.connections = Gauge(
            "dealcast_hub_connections", "WebSockets that are open.", registry=registry
        )
        self.followers = Gauge(
            "dealcast_hub_followers",
            "Namespaces that are joined.",
            ["namespace"],
            registry=registry,
        )
        self.joins = Counter(
            "dealcast_hub_joins_total",
            "Joins, by how what was missed could be had.",
            ["namespace", "outcome"],
            registry=registry,
        )
        self.refusals = Counter(
            "dealcast_hub_refusals_total",
            "Joins refused.",
            ["namespace", "code"],
            registry=registry,
        )
        self.cuts = Counter(
            "dealcast_hub_cuts_total",
            "Connections that the hub ended.",
            ["why"],
            registry=registry,
        )
        self.entries = Counter(
            "dealcast_hub_entries_total",
            "Log entries read.",
            ["kind"],
            registry=registry,
        )
        self.writes = Counter(
            "dealcast_hub_writes_total", "Writes to viewers.", registry=registry
        )
        self.restarts = Counter(
            "dealcast_hub_restarts_total",
            "Logs that had to be begun anew.",
            ["why"],
            registry=registry,
        )
        self.passes = Histogram(
            "dealcast_hub_pass_seconds",
            "Writing what is new to everybody.",
            buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2),
            registry=registry,
        )
        self.acts = Histogram(
            "dealcast_hub_act_seconds",
            "What clients asked over sockets, by answer.",
            ["act", "code"],
            buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5),
            registry=registry,
        )
        self.age = Gauge(
            "dealcast_hub_store_age_seconds",
            "Since the store last answered the hub.",
            registry=registry,
        )
