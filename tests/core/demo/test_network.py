"""The demo network as a whole: consistent, lively, fictional, the same each time."""

import json
import re
import unicodedata
from collections import Counter
from dataclasses import replace

import py3langid
import pytest

from core.demo.held_out import HELD_OUT
from core.demo.network import Network, picture_subjects, plan_network, write_network
from core.ingest.recognise import read, recognise
from core.ingest.records import PostRecord

GIVEAWAYS = {
    "cat": r"cats?\w*|kitt\w+|felines?|puss\w*|me+ow\w*|purr\w*|tabby|tomcat|whiskers?"
    r"|katz\w*|kater|chat|gat[oa]s?|kedi\w*|猫|кіт\w*",
    "pizza": r"pizz\w*|slices?|margherita|pepperoni|calzone|mozzarella|crusts?",
    "rocket": r"rockets?|launch\w*|lift-?off|boosters?|spac\w+|countdown|shuttles?|orbit\w*|wagtail",
    "dog": r"dogs?\w*|pupp\w+|pups?|hounds?|canines?|bark\w*|woof|spaniel|terrier|retriever|poodle",
    "bicycle": r"bi[ck]\w*cl\w*|bikes?|cycl\w+|pedal\w*",
    "guitar": r"guitar\w*|strings?|chords?|riffs?",
    "sailing boat": r"sail\w*|boats?|yacht\w*|dinghy|regatta",
    "elephant": r"elephant\w*|trunks?|tusks?",
    "banana": r"bananas?",
    "sunflower": r"sunflowers?|соняшник\w*",
    "owl": r"owls?|hoot\w*|barn",
}


def test_is_the_same_each_time(network: Network) -> None:
    assert plan_network() == network


def test_has_the_size_that_it_promises(network: Network) -> None:
    assert 1_950 <= len(network.posts) <= 2_150
    assert 145 <= len(network.users) <= 160
    assert 15_000 <= len(network.interactions) <= 25_000
    assert 350 <= sum(map(len, network.pictures.values())) <= 500
    assert 20 <= len(set(network.topics.values()) - {"spam"}) <= 30
    assert len({post.lang for post in network.posts}) >= 11
    times = [post.created_at for post in network.posts if post.created_at]
    assert 145 <= (max(times) - min(times)).days <= 155


def test_ids_are_unique_and_known(network: Network) -> None:
    posts, users = {post.id for post in network.posts}, {user.id for user in network.users}
    assert len(posts) == len(network.posts)
    assert len(users) == len(network.users)
    assert {post.user_id for post in network.posts} <= users
    assert {act.user_id for act in network.interactions} <= users
    assert {act.post_id for act in network.interactions} <= posts
    assert network.rude | network.spam | set(network.pictures) | set(network.topics) <= posts


def test_replies_and_quotes_come_after_what_they_answer(network: Network) -> None:
    posts = {post.id: post for post in network.posts}
    answers = [(post, posts[other]) for post in network.posts for other in (post.reply_to, post.repost_of) if other]
    assert len(answers) > 500
    for post, other in answers:
        assert post.created_at is not None
        assert other.created_at is not None
        assert post.created_at > other.created_at
    assert sum(1 for post in network.posts if post.repost_of) >= 20


def test_a_thread_stays_with_its_topic(network: Network) -> None:
    posts = {post.id: post for post in network.posts}
    for post in network.posts:
        if post.reply_to and post.id not in network.spam:
            root = post
            while root.reply_to:
                root = posts[root.reply_to]
            assert network.topics[post.id] == network.topics[root.id]


def test_there_are_threads_of_several_posts_by_one_author(network: Network) -> None:
    posts = {post.id: post for post in network.posts}
    own = [post for post in network.posts if post.reply_to and posts[post.reply_to].user_id == post.user_id]
    assert len(own) >= 40


def test_counts_agree_with_the_interactions(network: Network) -> None:
    acts = Counter((act.post_id, act.kind) for act in network.interactions)
    answered = Counter(post.reply_to for post in network.posts)
    for post in network.posts:
        assert post.likes == acts[post.id, "like"]
        assert post.reposts == acts[post.id, "repost"]
        assert post.replies == acts[post.id, "reply"] == answered[post.id]


def test_acts_come_after_the_post_and_once_at_most(network: Network) -> None:
    written = {post.id: post.created_at for post in network.posts}
    seen: set[tuple[str, str, str]] = set()
    viewed = {(act.user_id, act.post_id) for act in network.interactions if act.kind == "view"}
    for act in network.interactions:
        moment = written[act.post_id]
        assert act.created_at is not None
        assert moment is not None
        assert act.created_at > moment
        if act.kind != "reply":  # one may answer twice
            assert (act.user_id, act.post_id, act.kind) not in seen
            seen.add((act.user_id, act.post_id, act.kind))
            assert (act.user_id, act.post_id) in viewed


def test_followers_are_counted_within_the_network(network: Network) -> None:
    assert sum(user.followers or 0 for user in network.users) == sum(user.following or 0 for user in network.users)


def test_likes_follow_interests(network: Network) -> None:
    """Whoever writes on a topic likes it more often than others do: there is something to learn."""
    own = Counter((post.user_id, network.topics[post.id]) for post in network.posts)
    authors = {post.id: post.user_id for post in network.posts}
    kinds: dict[str, Counter[bool]] = {"like": Counter(), "view": Counter()}
    for act in network.interactions:
        if act.kind in kinds and authors[act.post_id] != act.user_id:
            kinds[act.kind][own[act.user_id, network.topics[act.post_id]] >= 2] += 1
    like_rate = {mine: kinds["like"][mine] / kinds["view"][mine] for mine in (True, False)}
    assert like_rate[True] > 1.5 * like_rate[False]


def test_engagement_is_uneven(network: Network) -> None:
    likes = sorted((post.likes or 0 for post in network.posts), reverse=True)
    assert likes[0] >= 40
    assert sum(likes[: len(likes) // 5]) > 0.6 * sum(likes)


def test_events_and_evenings_stand_out(network: Network) -> None:
    days = Counter(f"{post.created_at:%m-%d}" for post in network.posts if post.id not in network.spam)
    usual = sorted(days.values())[len(days) // 2]
    assert all(days[day] > 1.7 * usual for day in ("05-23", "07-16", "09-12"))
    hours = Counter(post.created_at.hour for post in network.posts if post.created_at)
    assert hours[20] > 5 * hours[3]


def test_the_spam_wave_is_short_and_nearly_the_same(network: Network) -> None:
    wave = [post for post in network.posts if post.id in network.spam]
    assert len({post.user_id for post in wave}) == 12
    assert 90 <= len(wave) <= 130
    assert {f"{post.created_at:%m-%d}" for post in wave} == {"07-22", "07-23"}
    shapes = Counter(re.sub(r"\W|\d", "", post.text.casefold())[:24] for post in wave)
    assert sum(count for _, count in shapes.most_common(20)) > 0.6 * len(wave)
    joined = {user.id: user.created_at for user in network.users}
    assert all(joined[post.user_id or ""] < post.created_at for post in network.posts if post.created_at)


def test_few_texts_are_the_same(network: Network) -> None:
    texts = Counter(post.text for post in network.posts if post.id not in network.spam)
    assert sum(count - 1 for count in texts.values()) < 0.02 * len(network.posts)


def test_texts_are_whole(network: Network) -> None:
    for post in network.posts:
        assert post.text.strip() == post.text
        assert post.text
        assert not re.search(r"[{}]|@(?:pic|on)=", post.text), post.text
        assert not post.text.startswith("[") or "]" not in post.text, post.text
        if post.lang == "en" and post.id not in network.spam:
            assert not re.search(r"\b[Aa] (?:[aeio]|un[^i])(?!ne\b|nce\b|uro)", post.text), post.text
            assert not re.search(r"\b[Aa]n (?![aeiouAEIOU8hFHLMNRSX])", post.text), post.text


def test_addresses_are_nobodys(network: Network) -> None:
    hosts = [
        host for post in network.posts for host in re.findall(r"https?://([^/\s\"')]+)", f"{post.text} {post.url}")
    ]
    assert len(hosts) > 2_000
    assert all(host.endswith(".example") for host in hosts)


@pytest.mark.parametrize("subject", list(HELD_OUT))
def test_held_out_pictures_are_found_by_looks_alone(network: Network, subject: str) -> None:
    posts = {post.id: post for post in network.posts}
    shown = {id_: several for id_, several in network.pictures.items() if subject in {one.subject for one in several}}
    assert len(shown) >= {"cat": 10, "pizza": 10, "rocket": 8}.get(subject, 3)
    for id_, several in shown.items():
        found = re.search(rf"(?<!\w)(?:{GIVEAWAYS[subject]})(?!\w)", posts[id_].text, re.IGNORECASE)
        assert found is None, posts[id_].text
        assert not any(one.file in network.alts for one in several if one.subject == subject)


SCRIPTS = {"ja": "HIRAGANA", "zh": "CJK", "ar": "ARABIC", "hi": "DEVANAGARI", "uk": "CYRILLIC"}


def test_languages_are_what_they_are_said_to_be(network: Network) -> None:
    foreign = [post for post in network.posts if post.lang != "en"]
    assert len(foreign) > 120
    for post in foreign:
        if script := SCRIPTS.get(post.lang or ""):
            assert any(unicodedata.name(char, "").startswith(script) for char in post.text), post.text
    guessed = [py3langid.classify(post.text)[0] == post.lang for post in foreign if len(post.text) >= 20]
    assert sum(guessed) > 0.85 * len(guessed)


def test_review_has_something_to_review(network: Network) -> None:
    assert len(network.rude) >= 40
    texts = "\n".join(post.text for post in network.posts)
    for harmless in ("<script>", "![", "\u202e", "\u200b", "DROP TABLE"):
        assert harmless in texts
    assert max(len(word) for post in network.posts for word in post.text.split()) > 200


def test_subjects_are_told_for_every_picture(network: Network) -> None:
    files = {picture.file for several in network.pictures.values() for picture in several}
    assert picture_subjects().keys() == files


def test_the_folder_is_read_like_any_other(network: Network, tmp_path) -> None:
    pictured = next(post for post in network.posts[40:] if len(network.pictures.get(post.id, ())) == 2)
    posts = (*network.posts[:40], pictured)
    kept = {post.id for post in posts}
    small = replace(
        network,
        posts=posts,
        interactions=tuple(act for act in network.interactions if act.post_id in kept),
        pictures={
            id_: tuple(replace(picture, scale=0.1) for picture in several)
            for id_, several in network.pictures.items()
            if id_ in kept
        },
    )
    seen: list[tuple[int, int]] = []
    write_network(small, tmp_path, report=lambda done, total, note: seen.append((done, total)))
    total = sum(map(len, small.pictures.values()))
    assert seen[-1] == (total, total)
    records = list(read(recognise(tmp_path)))
    assert all(isinstance(record, PostRecord) for record in records)
    by_id = {record.post.id: record for record in records if isinstance(record, PostRecord)}
    assert list(by_id) == [post.id for post in posts]
    for post in posts:
        record = by_id[post.id]
        assert replace(record.post, text=post.text) == post
        assert [picture.path is not None for picture in record.pictures] == [True] * len(
            small.pictures.get(post.id, ())
        )
    with (tmp_path / "users.jsonl").open(encoding="utf-8") as lines:
        assert len([json.loads(line) for line in lines]) == len(network.users)
