"""Which feeds, sinks and detectors there are: the one place that knows them all."""

from __future__ import annotations

from stressd.config.registry import FeedType, Registry, SinkType
from stressd.detectors.river import RiverConfig
from stressd.feeds import file, mqtt, push
from stressd.sinks import alertmanager, apprise, console, email, pagerduty, slack, teams, webhook
from stressd.sinks import mqtt as mqtt_sink


def registry() -> Registry:
    """Every feed, sink and detector by the `type` that names it in YAML."""
    return Registry(
        feeds={
            "mqtt": FeedType(mqtt.Config, mqtt.build),
            "file": FeedType(file.Config, file.build),
            "push": FeedType(push.Config, push.build),
        },
        sinks={
            "slack": SinkType(slack.Config, slack.build),
            "teams": SinkType(teams.Config, teams.build),
            "pagerduty": SinkType(pagerduty.Config, pagerduty.build),
            "webhook": SinkType(webhook.Config, webhook.build),
            "email": SinkType(email.Config, email.build),
            "console": SinkType(console.Config, console.build),
            "alertmanager": SinkType(alertmanager.Config, alertmanager.build),
            "apprise": SinkType(apprise.Config, apprise.build),
            "mqtt": SinkType(mqtt_sink.Config, mqtt_sink.build),
        },
        detectors={"river": RiverConfig},
    )
