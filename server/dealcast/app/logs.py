"""Logs: one JSON object a line, with the event's name and its keys."""

import logging
import sys

import orjson
import structlog


def set_up_logs(process: str) -> None:
    """Send all logs of this process to its standard error as JSON lines."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=to_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    structlog.contextvars.bind_contextvars(process=process)
    # Libraries log through the standard module: only what somebody should see.
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(name)s: %(message)s"
    )


def to_json(fields: dict[str, object], **_: object) -> str:
    """Write one line."""
    return orjson.dumps(fields, default=str).decode()
