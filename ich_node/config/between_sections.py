"""The rules between sections of config.toml. Each function yields one sentence for each mistake."""

import ipaddress
from collections.abc import Iterator, Sequence
from itertools import combinations

from ich_node.config.alerts import HEARTBEAT, Alert
from ich_node.config.destinations import Destination, DicomDestination, Hl7Destination
from ich_node.config.query import DicomQuery
from ich_node.config.routes import mistakes_in_routes
from ich_node.config.rules import Rule
from ich_node.config.settings import (
    ScpSettings,
    SeriesSettings,
    Source,
    TlsSettings,
    VerdictSettings,
)

ANY_HOST = ("0.0.0.0/0", "::/0")


def rules_between_sections(
    *,
    scp: ScpSettings,
    sources: Sequence[Source],
    destinations: Sequence[Destination],
    tls: TlsSettings,
    series: SeriesSettings,
    rules: Sequence[Rule],
    verdicts: VerdictSettings,
    alerts: Sequence[Alert],
) -> list[str]:
    """One sentence for each mistake."""
    return [
        *_readers_call_another_title(scp, verdicts),
        *_names_are_unique(sources, destinations, rules, alerts),
        *rules_name_sources(rules, sources),
        *_sources_are_told_apart(sources),
        *_quiet_ends_before_the_longest_wait(sources, series),
        *_storage_commitment_replies_are_accepted(sources, destinations),
        *mistakes_in_routes(destinations, sources),
        *_tls_has_its_certificates(sources, destinations, tls),
    ]


def _readers_call_another_title(scp: ScpSettings, verdicts: VerdictSettings) -> Iterator[str]:
    title = verdicts.ae_title
    if title is not None and title.strip() == scp.ae_title.strip():
        yield (
            f"[verdicts] ae_title is [scp] ae_title, '{title}': CT series and the selections of"
            " readers need two AE titles"
        )


def _names_are_unique(
    sources: Sequence[Source],
    destinations: Sequence[Destination],
    rules: Sequence[Rule],
    alerts: Sequence[Alert],
) -> Iterator[str]:
    if any(alert.name == HEARTBEAT for alert in alerts):
        yield f"[[alerts]] name: '{HEARTBEAT}' is the name of [heartbeat]; choose another one"
    for kind, names in (
        ("sources", [source.name for source in sources]),
        ("destinations", [destination.name for destination in destinations]),
        ("rules", [rule.name for rule in rules]),
        ("alerts", [alert.name for alert in alerts]),
    ):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            yield (
                f"[[{kind}]] uses the name {', '.join(twice)} more than once; names tell"
                f" {kind if kind in ('rules', 'alerts') else 'peers'} apart"
            )


def rules_name_sources(rules: Sequence[Rule], sources: Sequence[Source]) -> Iterator[str]:
    """Only those that there are."""
    for rule in rules:
        for setting, wanted, known in (
            ("source", rule.source, [source.name for source in sources]),
            ("calling", rule.calling, [source.ae_title.strip() for source in sources]),
        ):
            for value in wanted:
                if value not in known:
                    yield (
                        f"[[rules]] {rule.name} {setting}: no [[sources]] entry has '{value}';"
                        f" there are: {', '.join(known) or 'none'}"
                    )


def _sources_are_told_apart(sources: Sequence[Source]) -> Iterator[str]:
    for one, other in combinations(sources, 2):
        if (
            one.ae_title.strip() == other.ae_title.strip()
            and one.certificate_subject == other.certificate_subject
            and _overlap(one.hosts, other.hosts)
        ):
            yield (
                f"[[sources]] {one.name} and {other.name} have the same ae_title '{one.ae_title}'"
                " and hosts in common: nothing tells them apart. Give each its own hosts"
            )


def _overlap(some: Sequence[str], others: Sequence[str]) -> bool:
    networks = [
        [ipaddress.ip_network(host, strict=False) for host in hosts or ANY_HOST]
        for hosts in (some, others)
    ]
    return any(
        one.version == other.version and one.overlaps(other)
        for one in networks[0]
        for other in networks[1]
    )


def _quiet_ends_before_the_longest_wait(
    sources: Sequence[Source], series: SeriesSettings
) -> Iterator[str]:
    for source in sources:
        if source.quiet_seconds is not None and source.quiet_seconds > series.max_wait_seconds:
            yield (
                f"[[sources]] {source.name}: quiet_seconds {source.quiet_seconds:g} is longer than"
                f" [series] max_wait_seconds {series.max_wait_seconds:g}, after which a series is"
                " read in any case"
            )


def _storage_commitment_replies_are_accepted(
    sources: Sequence[Source], destinations: Sequence[Destination]
) -> Iterator[str]:
    callers = {source.ae_title.strip() for source in sources}
    for destination in destinations:
        if (
            isinstance(destination, DicomDestination)
            and destination.storage_commitment
            and destination.ae_title.strip() not in callers
        ):
            yield (
                f"[[destinations]] {destination.name}: storage_commitment needs a [[sources]]"
                f" entry with ae_title '{destination.ae_title}': the peer calls back with its"
                " answer"
            )


def _tls_has_its_certificates(
    sources: Sequence[Source], destinations: Sequence[Destination], tls: TlsSettings
) -> Iterator[str]:
    if tls.is_on:
        return
    for source in sources:
        if source.certificate_subject is not None:
            yield f"[[sources]] {source.name}: certificate_subject needs [tls] certificate and ca"
        if isinstance(source.query, DicomQuery) and source.query.tls:
            yield f"[sources.query] of {source.name}: tls needs [tls] certificate and ca"
    for destination in destinations:
        if isinstance(destination, DicomDestination | Hl7Destination) and destination.tls:
            yield f"[[destinations]] {destination.name}: tls needs [tls] certificate and ca"
