"""Joins the cluster of gateways that share one database, if there are several."""

from gateway.auth import TokenAuthenticator
from gateway.databases import Databases
from gateway.ingest.masking.task_masks import TaskMasks
from sessions.updates import UpdateHub

__all__ = ["join_others"]


async def join_others(
    databases: Databases, authenticator: TokenAuthenticator, updates: UpdateHub, masks: TaskMasks
) -> None:
    """Take part in the choice of the leader; tickets, masks and live updates are those of all gateways from now on.

    Does nothing if this gateway alone uses the database.

    Raises:
        StorageError: the database is unavailable.
    """
    leadership, channel = databases.leadership, databases.channel
    if leadership is None or channel is None:
        return
    from gateway.auth.shared_tickets import SharedTickets
    from gateway.cluster.shared_updates import share_updates
    from gateway.ingest.masking.shared_masks import SharedMasks

    leadership.start()
    credentials = authenticator.settings
    authenticator.share_tickets(SharedTickets(channel.fetch, credentials.ticket_ttl_seconds, credentials.tickets_max))
    share_updates(updates, channel)
    shared = SharedMasks(channel, masks)
    masks.share = shared.share
    await channel.start()
    await shared.collect()
