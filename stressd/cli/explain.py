"""`stressd explain EPISODE`: every event of an episode and every number behind it, in prose."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator

from stressd.cli.errors import UserError
from stressd.cli.place import add_state, state_of
from stressd.cli.records import episode_named, open_store
from stressd.store.story import Story, read_story, story_json


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = subparsers.add_parser(
        "explain",
        help="every number behind an episode",
        description="Every event of an episode, every number behind it, and who was told. An episode is named by its "
        "id or by the last four letters of it. Exit status 1 where it is unknown.",
    )
    parser.add_argument("episode", metavar="EPISODE", help="for example JP-260120-7q2f, or 7q2f")
    add_state(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(args: argparse.Namespace) -> int:
    """Exit status."""
    with open_store(state_of(args)) as store:
        episode = episode_named(store, args.episode)
        story = read_story(store, episode.id)
    if story is None:
        raise UserError(f"{episode.id}: the store holds none of its events")
    print(json.dumps(story_json(story), ensure_ascii=False) if args.json else "\n".join(_lines(story)))
    return 0


def _lines(story: Story) -> Iterator[str]:
    episode, first, last = story.episode, story.events[0], story.events[-1]
    about = f"{episode.market} {episode.direction}" if episode.direction else episode.market
    origin = "" if episode.origin == "live" else f" This is no live episode but a {episode.origin} one."
    yield f"{episode.id}: {about}, rule {episode.rule}, {episode.severity}, {episode.state}.{origin}"
    yield (
        f"{len(story.events)} event{'s' if len(story.events) > 1 else ''} from {first.time} to {last.time}; "
        f"{last.instance}, stressd {last.version}, method {last.method}, configuration {last.config}."
    )
    for step in story.steps:
        yield ""
        yield f"{step.seq}. {step.time} {step.type}, {step.severity}"
        yield f"   {step.headline}"
        yield from (f"   {line}" for line in step.lines)
        yield from (f"   {message.text}" for message in step.messages)
        if not step.messages:
            yield "   No message went out for this update."
    if story.kept:
        yield ""
    for each in story.kept:
        updates = f"{each.events} update{'s' if each.events > 1 else ''}"
        yield f"{each.sink} was not told of {updates} so far, the last of {each.time}: {each.why}."
