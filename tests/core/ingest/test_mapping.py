import pytest

from core.errors import ImportFailed
from core.ingest.mapping import ALIASES, find_columns, fold, unique_names


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (
            "uri author createdAt indexedAt text replyCount repostCount likeCount quoteCount",
            {
                "id": "uri",
                "user_id": "author",
                "created_at": "createdAt",
                "text": "text",
                "replies": "replyCount",
                "reposts": "repostCount",
                "likes": "likeCount",
            },
        ),
        (
            "id subreddit created_utc title selftext score num_comments over_18 url permalink domain",
            {
                "id": "id",
                "created_at": "created_utc",
                "title": "title",
                "text": "selftext",
                "likes": "score",
                "replies": "num_comments",
                "url": "permalink",
            },
        ),
        (
            "id user_name user_location user_description user_created user_followers user_friends date text retweets"
            " favorites",
            {
                "id": "id",
                "user_id": "user_name",
                "user_name": "user_name",
                "user_location": "user_location",
                "user_description": "user_description",
                "user_created_at": "user_created",
                "user_followers": "user_followers",
                "user_following": "user_friends",
                "created_at": "date",
                "text": "text",
                "reposts": "retweets",
                "likes": "favorites",
            },
        ),
        (
            "id_str id full_text user.id_str user.screen_name user.name user.followers_count favorite_count"
            " extended_entities.media in_reply_to_status_id_str retweeted_status.id_str lang",
            {
                "id": "id_str",
                "text": "full_text",
                "user_id": "user.id_str",
                "user_handle": "user.screen_name",
                "user_name": "user.name",
                "user_followers": "user.followers_count",
                "likes": "favorite_count",
                "pictures": "extended_entities.media",
                "reply_to": "in_reply_to_status_id_str",
                "repost_of": "retweeted_status.id_str",
                "lang": "lang",
            },
        ),
        (
            "id content account.acct account.display_name favourites_count reblogs_count media_attachments url",
            {
                "id": "id",
                "text": "content",
                "user_id": "account.acct",
                "user_handle": "account.acct",
                "user_name": "account.display_name",
                "likes": "favourites_count",
                "reposts": "reblogs_count",
                "pictures": "media_attachments",
                "url": "url",
            },
        ),
        (
            "id username name tweet likes_count",
            {
                "id": "id",
                "user_id": "username",
                "user_handle": "username",
                "user_name": "name",
                "text": "tweet",
                "likes": "likes_count",
            },
        ),
        ("post_id text image sentiment", {"id": "post_id", "text": "text", "pictures": "image"}),
        ("text label", {"text": "text"}),
        ("Title Name", {"text": "Title"}),
        ("TWEET_ID Tweet-Text", {"id": "TWEET_ID", "text": "Tweet-Text"}),
    ],
)
def test_usual_exports_are_mapped_by_name(columns, expected):
    assert find_columns(columns.split()) == expected


def test_a_given_mapping_goes_first_and_takes_its_column_from_others():
    mapping = find_columns(["id", "text", "note", "score"], {"text": "note", "likes": ""})
    assert mapping == {"text": "note", "id": "id"}


def test_a_given_mapping_must_name_what_is_there():
    with pytest.raises(ImportFailed, match=r"no field 'words'.*Fields: id, text"):
        find_columns(["a"], {"words": "a"})
    with pytest.raises(ImportFailed, match="'b', given for text, is not there. Columns found: 'a'"):
        find_columns(["a"], {"text": "b"})


def test_every_alias_is_written_as_columns_are_folded():
    assert all(fold(name) == name for names in ALIASES.values() for name in names)
    assert all(len(set(names)) == len(names) for names in ALIASES.values())


def test_column_names_become_unique():
    assert unique_names(["", "text", "text", "", "text (3)"]) == [
        "column 1",
        "text",
        "text (3)",
        "column 4",
        "text (3) (5)",
    ]
