"""Several at once, and those who leave in the middle: nothing is lost, nothing is decided twice."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from core.database.moderation import read_decisions
from core.errors import FeedscopeError, ModerationError
from core.moderation import queue
from core.moderation.decisions import decide, undo
from core.moderation.effects import removed_rows
from core.moderation.queue import QueueFilter, claim_next, list_waiting
from core.moderation.reports import report
from core.moderation.roles import Person

from .conftest import ANN, BEN

MANY = [Person(f"reviewer{n}@example.org", "reviewer") for n in range(6)]


def at_once(calls):
    """Runs calls at the same moment; gives what each gave or the error that it raised."""
    start = threading.Barrier(len(calls))

    def run(call):
        start.wait()
        try:
            return call()
        except FeedscopeError as error:
            return error

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


def test_of_two_who_decide_at_once_one_does(scored):
    for post in ("rude", "rude2", "spam"):
        made = at_once(
            [lambda who=who, post=post: decide(scored, [post], "remove", by=who, standing_seen=0) for who in MANY]
        )
        assert sum(not isinstance(one, FeedscopeError) for one in made) == 1
        assert all("in the meantime" in str(one) for one in made if isinstance(one, FeedscopeError))
    assert len(read_decisions(scored.cursor())) == 3
    assert len(removed_rows(scored)) == 3


def test_one_decision_sent_many_times_at_once_is_made_once_and_taken_back_once(scored):
    made = at_once([lambda: decide(scored, ["spam", "spam2"], "remove", by=ANN, token="same") for _ in range(6)])
    assert sorted(len(one.ids) for one in made) == [0, 0, 0, 0, 0, 2]
    (first,) = {one.ids[0] for one in made if one.ids}
    back = at_once([lambda: undo(scored, first, by=ANN) for _ in range(4)])
    assert sum(not isinstance(one, FeedscopeError) for one in back) == 1
    assert len(removed_rows(scored)) == 0


def test_many_who_ask_at_once_share_the_queue(scored):
    report(scored, ["good", "leer"], by=ANN)
    given = at_once([lambda who=who: claim_next(scored, QueueFilter(), by=who, count=1) for who in MANY])
    posts = [item.post_id for items in given for item in items]
    assert len(posts) == len(set(posts)) == 6


def test_who_closed_the_browser_holds_nothing_up_and_comes_too_late(scored, monkeypatch):
    (item,) = claim_next(scored, QueueFilter(policy="insult"), by=ANN, count=1)
    assert item.post_id not in [one.post_id for one in list_waiting(scored, QueueFilter(), by=BEN)]
    with pytest.raises(ModerationError, match="has this post open"):
        decide(scored, [item.post_id], "keep", by=BEN)
    later = queue.utc_now() + timedelta(minutes=queue.CLAIM_MINUTES + 1)
    for module in ("queue", "decisions"):
        monkeypatch.setattr(f"core.moderation.{module}.utc_now", lambda: later)
    assert item.post_id in [one.post_id for one in claim_next(scored, QueueFilter(policy="insult"), by=BEN)]
    decide(scored, [item.post_id], "remove", by=BEN, standing_seen=0)
    # The browser wakes up and sends what was decided in it an hour ago.
    with pytest.raises(ModerationError, match="in the meantime"):
        decide(scored, [item.post_id], "keep", by=ANN, standing_seen=item.decision)
    assert [entry.reviewer for entry in read_decisions(scored.cursor())] == [BEN.name]
