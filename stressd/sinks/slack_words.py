"""What Slack answers, by webhook and by API, and what each of its words means for the message."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from stressd.sinks.base import Fault, SinkError
from stressd.sinks.http import Answer, Endpoint, failure, retry_after

UNUSABLE: Final = {
    "access_denied": "the app may not do this",
    "account_inactive": "the account behind the webhook or token is gone",
    "action_prohibited": "an administrator forbids posts by webhooks",
    "app_missing_action_url": "the app is not set up completely",
    "channel_is_archived": "the channel is archived",
    "channel_not_found": "the channel does not exist, or the app is not in it",
    "ekm_access_denied": "administrators have stopped messages",
    "enterprise_is_restricted": "the organisation forbids it",
    "invalid_auth": "the webhook or token is not valid",
    "invalid_token": "the webhook's token is not valid",
    "is_archived": "the channel is archived",
    "messages_tab_disabled": "the app's messages are switched off",
    "missing_scope": "the token lacks the scope chat:write",
    "no_active_hooks": "the webhook is switched off",
    "no_permission": "the token may not post here",
    "no_service": "the webhook was removed or switched off",
    "no_service_id": "the webhook URL is not complete",
    "no_team": "the workspace does not exist",
    "not_allowed_token_type": "a token of another kind is needed: a bot's, xoxb-...",
    "not_authed": "no token was sent",
    "not_in_channel": "the app is not in the channel: invite it",
    "org_login_required": "the workspace has moved to an organisation",
    "posting_to_general_channel_denied": "this app may not post to #general",
    "restricted_action": "the workspace's settings forbid this post",
    "restricted_action_non_threadable_channel": "the channel allows no threads",
    "restricted_action_read_only_channel": "the channel is read-only",
    "team_access_not_granted": "the token is not for this workspace",
    "team_disabled": "the workspace is switched off",
    "token_expired": "the token has expired",
    "token_revoked": "the token was revoked",
    "two_factor_setup_required": "the account must set up its second factor",
    "user_not_found": "the user does not exist",
}
"""Words for an endpoint that will not work again without somebody's hand."""

CHANNEL: Final = ("channel_not_found", "channel_is_archived", "is_archived", "not_in_channel")
"""Those of them that are about the channel."""

MALFORMED: Final = (
    "invalid_attachments",
    "invalid_blocks",
    "invalid_blocks_format",
    "invalid_payload",
    "msg_blocks_too_long",
    "msg_too_long",
    "no_text",
    "too_many_attachments",
)
"""Words for a message that may be accepted as plain text."""

METADATA: Final = (
    "invalid_metadata_format",
    "invalid_metadata_schema",
    "metadata_must_be_sent_from_app",
    "metadata_too_large",
)

GONE: Final = ("cannot_reply_to_message", "cant_update_message", "message_not_found", "thread_not_found")
"""Words for a first message that was deleted, or is not the app's to change."""

UNEDITABLE: Final = ("edit_window_closed", "update_failed", "is_inactive", "block_mismatch")
"""Words for a first message that stays as it is."""

_LIMITED: Final = ("rate_limited", "ratelimited", "message_limit_exceeded")
_PASSING: Final = ("accesslimited", "external_channel_migrating", "request_timeout", "service_unavailable",
                   "team_added_to_org")  # fmt: skip
_DOUBTFUL: Final = ("fatal_error", "internal_error")
"""Of which Slack says that part of the operation may have succeeded."""


class Refusal(SinkError):
    """Slack's refusal, with its own word for it ("" where it was none of Slack's)."""

    def __init__(self, word: str, fault: Fault, text: str, retry_after: float | None = None) -> None:
        super().__init__(fault, text, retry_after)
        self.word = word


def parsed(answer: Answer) -> dict[str, Any] | None:
    """The answer as a JSON object, None where it is none."""
    try:
        value = msgspec.json.decode(answer.body)
    except msgspec.DecodeError:
        return None
    return value if isinstance(value, dict) else None


def word_of(answer: Answer) -> str:
    """The answer as one word, from plain text (`invalid_blocks: /0/text`) or from JSON with `error`."""
    value = parsed(answer)
    if value is not None:
        return "ok" if value.get("ok") is True else str(value.get("error", ""))
    return answer.body.strip().partition(":")[0].partition(" ")[0]


def refusal(endpoint: Endpoint, answer: Answer) -> Refusal:
    """What an answer means that is no success. A status alone is never trusted: the API refuses with HTTP 200."""
    word, host = word_of(answer), endpoint.host
    if word in UNUSABLE:
        return Refusal(word, "disable", f"{host}: {word}: {UNUSABLE[word]}")
    if word in _LIMITED or answer.status == 429:
        wait = failure(endpoint, answer).retry_after
        return Refusal(word, "rate_limited", f"{host}: too many messages", wait if wait is not None else _wait(answer))
    if word in _PASSING:
        return Refusal(word, "retry", f"{host}: {word}")
    if word in _DOUBTFUL:
        return Refusal(word, "ambiguous", f"{host}: {word}: part of it may have been done")
    if word in MALFORMED:
        return Refusal(word, "permanent", f"{host}: {endpoint.redact(answer.body)}")
    if answer.status != 200:
        failed = failure(endpoint, answer)
        return Refusal(word, failed.fault, str(failed), failed.retry_after)
    if (value := parsed(answer)) is not None and value.get("ok") is False:
        return Refusal(word, "permanent", f"{host}: {endpoint.redact(answer.body)}")
    fault: Fault = "retry" if answer.complete else "ambiguous"
    return Refusal("", fault, f"{host}: HTTP 200, but not `ok`: {endpoint.redact(answer.body)}")


def _wait(answer: Answer) -> float | None:
    return retry_after({"Retry-After": str((parsed(answer) or {}).get("retry_after", ""))}, 0.0)
