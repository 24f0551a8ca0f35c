import pytest

from core.database.moderation import read_decisions
from core.errors import ModerationError, RoleError
from core.moderation.decisions import appeal, decide, undo
from core.moderation.effects import marks, removed_rows
from core.moderation.flagged import flagged_rows
from core.moderation.queue import (
    QueueFilter,
    claim_next,
    count_waiting,
    list_waiting,
    release,
    snooze,
    waiting_by_policy,
)
from core.moderation.reports import report
from core.search.neighbours import neighbours
from core.search.search import search
from core.types import Query, QueryPart

from .conftest import ANN, BEN, LEA, VIC


def found(workspace, words="horrible fool"):
    return [hit.post_id for hit in search(workspace, Query((QueryPart("text", words),))).hits]


def test_a_removed_post_is_gone_from_search_and_neighbours_at_once_and_back_after_undo(scored):
    assert "rude" in found(scored)
    made = decide(scored, ["rude"], "remove", policy="insult", by=ANN)
    assert "rude" not in found(scored)
    assert "rude" not in [one.post_id for one in neighbours(scored, "rude2")]
    assert len(removed_rows(scored)) == 1
    assert marks(scored, ["rude", "good"])["rude"].state == "removed"
    undo(scored, made.ids[0], by=ANN)
    assert "rude" in found(scored)
    assert len(removed_rows(scored)) == 0
    with pytest.raises(ModerationError, match="taken back already"):
        undo(scored, made.ids[0], by=ANN)


def test_the_log_only_grows_and_says_what_was_seen(scored):
    made = decide(scored, ["rude"], "label", policy="insult", label="Rude", by=ANN, note="second time", seconds=3.5)
    undo(scored, made.ids[0], by=ANN)
    first, second = read_decisions(scored.cursor())
    assert (first.action, first.label, first.note, first.reviewer) == ("label", "Rude", "second time", ANN.name)
    assert first.seen["scores"]["insult"] == pytest.approx(0.97, abs=1e-3)
    assert first.seen["models"]["insult"] == "test"
    assert first.seen["thresholds"]["insult"] == 0.6
    assert (second.action, second.undoes) == ("undo", first.id)


def test_the_same_token_is_one_decision(scored):
    assert decide(scored, ["rude"], "remove", by=ANN, token="t1").ids
    assert decide(scored, ["rude"], "remove", by=ANN, token="t1").ids == ()
    assert len(read_decisions(scored.cursor())) == 1


def test_a_group_is_one_batch_and_one_undo(scored):
    made = decide(scored, ["spam", "spam2"], "remove", policy="spam", by=ANN)
    assert len(removed_rows(scored)) == 2
    undo(scored, made.ids[1], by=ANN)
    assert len(removed_rows(scored)) == 0


def test_two_reviewers_never_get_the_same_item(scored):
    ours, theirs = (claim_next(scored, QueueFilter(), by=who, count=2) for who in (ANN, BEN))
    assert len(ours) == len(theirs) == 2
    assert not {item.post_id for item in ours} & {item.post_id for item in theirs}
    assert [i.post_id for i in claim_next(scored, QueueFilter(), by=ANN, count=2)] == [i.post_id for i in ours]
    with pytest.raises(ModerationError, match="has this post open"):
        decide(scored, [ours[0].post_id], "keep", by=BEN)
    release(scored, by=ANN)
    assert decide(scored, [ours[0].post_id], "keep", by=BEN).ids


def test_a_group_leaves_out_what_somebody_else_has_open(scored):
    (item,) = claim_next(scored, QueueFilter(policy="spam"), by=BEN, count=1)
    other = {"spam": "spam2", "spam2": "spam"}[item.post_id]
    made = decide(scored, [other, item.post_id], "remove", by=ANN)
    assert made.post_ids == (other,)
    assert made.left_out == (item.post_id,)


def test_a_claim_ends_by_itself(scored, monkeypatch):
    monkeypatch.setattr("core.moderation.queue.CLAIM_MINUTES", 0)
    claim_next(scored, QueueFilter(), by=ANN, count=4)
    monkeypatch.undo()
    assert len(claim_next(scored, QueueFilter(), by=BEN, count=4)) == 4


def test_what_was_decided_in_the_meantime_is_not_decided_over(scored):
    decide(scored, ["rude"], "keep", by=ANN)
    with pytest.raises(ModerationError, match="in the meantime"):
        decide(scored, ["rude"], "remove", by=BEN, standing_seen=0)


def test_the_queue_holds_what_is_flagged_or_reported_until_it_is_decided(scored):
    assert sorted(item.post_id for item in list_waiting(scored, QueueFilter())) == ["rude", "rude2", "spam", "spam2"]
    assert len(flagged_rows(scored, "spam")) == 2
    assert report(scored, ["good", "gone"], "insult", "please look", by=VIC) == 1
    assert report(scored, ["good"], "insult", by=VIC) == 0
    assert count_waiting(scored, QueueFilter(reported=True)) == 1
    assert count_waiting(scored, QueueFilter(policy="insult")) == 3
    decide(scored, ["good"], "keep", by=ANN)
    assert count_waiting(scored, QueueFilter()) == 4
    report(scored, ["good"], by=VIC)
    assert count_waiting(scored, QueueFilter()) == 5
    snooze(scored, "rude", 2, by=ANN)
    assert "rude" not in [item.post_id for item in list_waiting(scored, QueueFilter())]


def test_second_reviews_are_blind_and_by_somebody_else(scored):
    from core.moderation.queue import set_second_share

    set_second_share(scored, 1.0, by=LEA)
    decide(scored, ["rude"], "remove", policy="insult", by=ANN)
    assert count_waiting(scored, QueueFilter(kind="second"), by=ANN) == 0
    (item,) = claim_next(scored, QueueFilter(kind="second"), by=BEN)
    decide(scored, [item.post_id], "keep", policy="insult", by=BEN, review="second")
    assert len(removed_rows(scored)) == 1, "a second review has no effect"
    assert count_waiting(scored, QueueFilter(kind="second"), by=BEN) == 0


def test_an_appeal_goes_to_another_reviewer_and_takes_effect(scored):
    with pytest.raises(ModerationError, match="removed, labelled"):
        appeal(scored, "good", "why?", by=VIC)
    decide(scored, ["rude"], "remove", by=ANN)
    appeal(scored, "rude", "It was a quote", by=VIC)
    assert count_waiting(scored, QueueFilter(kind="appeals"), by=ANN) == 0
    assert [i.post_id for i in claim_next(scored, QueueFilter(kind="appeals"), by=BEN)] == ["rude"]
    release(scored, by=BEN)
    with pytest.raises(ModerationError, match="another reviewer"):
        decide(scored, ["rude"], "keep", by=ANN, review="appeal")
    decide(scored, ["rude"], "keep", by=BEN, review="appeal")
    assert len(removed_rows(scored)) == 0
    assert count_waiting(scored, QueueFilter(kind="appeals"), by=BEN) == 0


def test_nobody_is_handed_again_what_they_would_be_refused(scored):
    from core.moderation.queue import set_second_share

    set_second_share(scored, 1.0, by=LEA)
    decide(scored, ["rude"], "keep", by=BEN)
    report(scored, ["rude"], by=VIC)
    decide(scored, ["rude"], "remove", by=ANN)
    appeal(scored, "rude", "", by=VIC)
    for kind in ("second", "appeals"):
        assert claim_next(scored, QueueFilter(kind=kind), by=BEN) == []
        assert [item.post_id for item in claim_next(scored, QueueFilter(kind=kind), by=LEA)] == ["rude"]


def test_many_posts_are_decided_each_under_its_own_policy(scored):
    made = decide(scored, ["rude", "spam", "good"], "remove", policies={"rude": "insult", "spam": "spam"}, by=ANN)
    assert [one.policy for one in read_decisions(scored.cursor())] == ["insult", "spam", None]
    undo(scored, made.ids[1], by=ANN)
    assert len(removed_rows(scored)) == 0, "they are one group all the same"
    with pytest.raises(ModerationError, match="no policy"):
        decide(scored, ["rude"], "remove", policies={"rude": "nonsense"}, by=ANN)


def test_what_is_hidden_counts_nowhere_as_waiting(scored):
    decide(scored, ["spam"], "remove", policy="spam", by=ANN)
    report(scored, ["spam"], "spam", by=VIC)
    assert {one.policy: one.count for one in waiting_by_policy(scored)} == {"insult": 2, "spam": 1}
    assert count_waiting(scored, QueueFilter(policy="spam")) == 1


def test_a_locked_post_is_for_leads_alone(scored):
    made = decide(scored, ["rude"], "escalate", reason="illegal", by=ANN)
    assert "rude" not in found(scored)
    for who in (ANN, BEN):
        with pytest.raises(RoleError):
            decide(scored, ["rude"], "keep", by=who)
        with pytest.raises(RoleError):
            claim_next(scored, QueueFilter(kind="locked"), by=who)
        with pytest.raises(RoleError):
            undo(scored, made.ids[0], by=who)
    assert [item.post_id for item in claim_next(scored, QueueFilter(kind="locked"), by=LEA)] == ["rude"]
    decide(scored, ["rude"], "keep", by=LEA)
    assert "rude" in found(scored)


@pytest.mark.parametrize(
    ("call", "who"),
    [
        (lambda w, who: decide(w, ["rude"], "keep", by=who), VIC),
        (lambda w, who: undo(w, 1, by=who), VIC),
        (lambda w, who: claim_next(w, QueueFilter(), by=who), VIC),
        (lambda w, who: snooze(w, "rude", 1, by=who), VIC),
    ],
)
def test_nothing_goes_without_the_role(scored, call, who):
    with pytest.raises(RoleError, match="takes the role"):
        call(scored, who)
