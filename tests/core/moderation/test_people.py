"""Roles, accounts, erasing a person, and what is given out."""

import json

import pytest

from core.database.moderation import read_decisions
from core.errors import ModerationError, RoleError, SettingError
from core.moderation.accounts import account_record, accounts_with_strikes, decide_account, find_accounts
from core.moderation.decisions import decide
from core.moderation.erasure import erase_person
from core.moderation.policies import get_policy, save_policy
from core.moderation.roles import ALONE, ROLES, Person, person_of, read_roles
from core.moderation.scorers.banks import add_decided
from core.moderation.statement import LogFilter, log_csv, recent_decisions, reviewers, statement_json
from core.search.search import search
from core.types import Query, QueryPart

from .conftest import ADA, ANN, LEA, VIC


@pytest.fixture
def roles(tmp_path):
    path = tmp_path / "roles.toml"
    path.write_text(
        '[people]\n"Ann@Example.org" = "reviewer"\n"sub-1" = "viewer"\n[groups]\nleads = "lead"\nall = "viewer"\n'
    )
    return read_roles(path)


def test_people_get_the_highest_role_that_their_claims_give(roles):
    verified = {"sub": "s", "email": "ann@example.org", "email_verified": True}
    assert person_of(verified, roles) == Person("ann@example.org", "reviewer")
    assert person_of({**verified, "groups": ["leads", "x"]}, roles).role == "lead"
    assert person_of({"sub": "sub-1"}, roles) == Person("sub-1", "viewer")
    assert person_of({"sub": "s", "groups": "all"}, roles).role == "viewer"


@pytest.mark.parametrize(
    "claims",
    [{}, {"email": "ann@example.org"}, {"sub": "s", "email": "ann@example.org", "email_verified": "true"},
     {"sub": "stranger"}, {"sub": "s", "groups": {"leads": 1}}, {"sub": ""}],
)  # fmt: skip
def test_others_get_none(roles, claims):
    with pytest.raises(RoleError):
        person_of(claims, roles)


@pytest.mark.parametrize("content", ["people = 3", '[people]\nann = "king"', "not toml", 'default = "root"'])
def test_a_list_that_cannot_be_used_is_said(tmp_path, content):
    (tmp_path / "roles.toml").write_text(content)
    with pytest.raises(SettingError, match="FEEDSCOPE_ROLES"):
        read_roles(tmp_path / "roles.toml")


def test_each_role_may_what_the_one_below_may():
    from core.moderation.roles import LEAST

    for act in LEAST:
        allowed = [Person("x", role).may(act) for role in ROLES]
        assert allowed == sorted(allowed)
    assert ALONE.may("erase")


@pytest.mark.parametrize(
    ("call", "who"),
    [
        (lambda w, who: save_policy(w, get_policy(w, "spam"), by=who), ANN),
        (lambda w, who: add_decided(w, "known", by=who), ANN),
        (lambda w, who: log_csv(w, by=who), VIC),
        (lambda w, who: account_record(w, "bob", by=who), VIC),
        (lambda w, who: decide_account(w, "bob", "warn", reason="hate", by=who), VIC),
        (lambda w, who: erase_person(w, "bob", by=who), LEA),
    ],
)
def test_core_refuses_without_the_role(posted, call, who):
    with pytest.raises(RoleError):
        call(posted, who)


def test_accounts_have_strikes_and_are_decided_on(scored):
    decide(scored, ["rude"], "remove", by=ANN)
    decide_account(scored, "bob", "warn", reason="hate", note="again", by=ANN)
    record = account_record(scored, "bob", by=ANN)
    assert (record.posts, record.removed, record.strikes, record.state) == (2, 1, 2, "warned")
    assert accounts_with_strikes(scored, 5)[0][0] == "bob"
    with pytest.raises(ModerationError, match="no account"):
        decide_account(scored, "nobody", "warn", reason="hate", by=ANN)
    with pytest.raises(ModerationError, match="needs a reason"):
        decide_account(scored, "bob", "warn", reason="", by=ANN)


def test_an_account_is_found_by_its_id_or_a_part_of_its_name(scored):
    with scored.transaction() as cursor:
        cursor.execute("INSERT INTO users (id, name, handle, generation) VALUES ('u9', 'Bobby Tables', 'drop', 1)")
    assert find_accounts(scored, "bob", 5, by=ANN) == [("bob", "bob", 2, ""), ("u9", "Bobby Tables", 0, "")]
    assert find_accounts(scored, "@DROP", 5, by=ANN)[0][0] == "u9"
    assert find_accounts(scored, "%", 5, by=ANN) == []


def test_the_log_is_narrowed_to_a_post_an_account_a_person_and_a_decision(scored):
    decide(scored, ["rude", "spam"], "remove", policy="insult", by=ANN)
    decide(scored, ["good"], "keep", policy="spam", by=LEA)
    decide_account(scored, "bob", "warn", reason="hate", by=LEA)

    def subjects(**asked):
        return [one.subject for one, _ in recent_decisions(scored, 10, wanted=LogFilter(**asked), by=ANN)]

    assert subjects() == ["bob", "good", "rude"], "of a group the first"
    assert subjects(about="bob") == ["bob", "rude"]
    assert subjects(about="spam") == ["spam"]
    assert subjects(policy="insult") == ["rude"]
    assert subjects(reviewer=LEA.name, action="keep") == ["good"]
    assert subjects(about="nobody") == []
    assert reviewers(scored, by=ANN) == [ANN.name, LEA.name]


def test_the_statement_says_what_why_and_how_to_appeal_but_not_who(scored):
    made = decide(scored, ["rude"], "remove", policy="insult", reason="hate", note="calls names", by=ANN)
    document = json.loads(statement_json(scored, made.ids[0], by=ANN))
    assert document["restriction"] == "remove"
    assert document["automated_detection"] is True
    assert document["automated_decision"] is False
    assert document["ground"]["policy"] == "Insults"
    assert ANN.name not in json.dumps(document)
    locked = decide(scored, ["spam"], "escalate", by=ANN)
    with pytest.raises(ModerationError, match="locked"):
        statement_json(scored, locked.ids[0], by=LEA)
    assert "spam," not in log_csv(scored, by=ANN)
    assert "locked" in log_csv(scored, by=ANN)


def test_an_erased_person_is_gone_and_the_outcomes_stay(scored):
    decide(scored, ["rude"], "remove", policy="insult", note="quotes the post", by=ANN)
    decide_account(scored, "bob", "warn", reason="hate", by=ANN)
    erased = erase_person(scored, "bob", by=ADA)
    assert erased.posts == 2
    cursor = scored.cursor()
    everything = str(cursor.execute("SELECT * FROM posts").fetchall()) + str(read_decisions(cursor))
    assert "horrible fool" not in everything
    assert "bob" not in everything
    assert "quotes the post" not in everything
    first = read_decisions(cursor)[0]
    assert (first.action, first.policy, first.author) == ("remove", "insult", erased.user_id)
    scored.jobs.run_now("index", {}, title="Index")
    hits = search(scored, Query((QueryPart("text", "horrible fool"),), mode="lexical")).hits
    assert not hits
    _, vectors = scored.indexes.stored(
        "text", cursor.execute("SELECT row FROM posts WHERE text = ''").fetchnumpy()["row"]
    )
    assert len(vectors) == 0
