"""Columns found by name: which column of a strange file is which field of a post."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from core.errors import ImportFailed

# For each field the usual names of the usual exports (Twitter's API and archives, snscrape, Twint, Bluesky, Mastodon,
# Reddit, CrowdTangle, Kaggle sets), best first, as `fold` writes them: lower case, letters and digits only. A nested
# JSON key is its path: user.screen_name is "userscreenname".
_ALIASES = {
    "id": """idstr postid tweetid statusid messageid commentid submissionid id uri posturi tid statusidstr tweetidstr
        itemid item docid guid uuid""",
    "text": """fulltext text tweettext posttext tweet recordtext rawcontent contenttext content body selftext message
        commenttext caption commentbody cleantext status post sentence review reviewtext reviewbody statusmessage
        abstract description comment
        """,
    "title": "title posttitle submissiontitle headline subject",
    "pictures": """images imagepath imagepaths imagefile imagefiles image photos photo pictures picture picturepath
        mediapath mediapaths mediafile mediafiles extendedentitiesmedia mediaattachments media mediaurls mediaurl
        imageurls imageurl photourls photourl pictureurl fullpicture embedimages recordembedimages entitiesmedia
        imgpath img imgs imagename filename filepath files file attachments""",
    "alt": "alt alttext imagealt imagealttext mediaalt mediaalttext imagedescription",
    "user_id": """useridstr userid authorid authordid accountid ownerid creatorid fromuserid useridentifier uid
        useruserid accountidstr author authorhandle user username userscreenname screenname handle userhandle
        authorusername accountacct accountusername authorname account fromuser tweeter poster creator owner acct
        userusername nickname displayname reviewerid""",
    "user_name": """userdisplayname authordisplayname accountdisplayname displayname userfullname fullname authorname
        accountname nickname name username""",
    "user_handle": """userscreenname screenname userhandle handle authorhandle authorusername accountacct
        accountusername userusername username acct""",
    "user_description": """userdescription authordescription userbio authorbio profiledescription accountnote bio
        userrawdescription accountdescription""",
    "user_location": "userlocation authorlocation accountlocation profilelocation",
    "user_created_at": """usercreatedat usercreated userjoined userjoindate authorcreatedat accountcreatedat
        accountcreated authorcreated""",
    "user_followers": """userfollowers userfollowerscount userfollowercount authorfollowers authorfollowerscount
        accountfollowerscount userpublicmetricsfollowerscount followerscount followercount followers""",
    "user_following": """userfriends userfriendscount userfollowing userfollowingcount authorfollowing
        authorfollowingcount accountfollowingcount userpublicmetricsfollowingcount friendscount followingcount
        friends following""",
    "created_at": """createdat recordcreatedat createdutc createdtime creationdate createddate creationtime created
        publishedat published postedat postdate posttime posted tweetcreatedat tweetcreated tweetdate tweettime
        statuspublished reviewdate unixreviewtime datetime date
        timestamp timestampms utctime time indexedat updatedat""",
    "likes": """likes likecount likescount numlikes nlikes favorites favourites favoritecount favouritecount
        favoritescount favouritescount publicmetricslikecount numfavorites favs hearts upvotes ups score points
        numpoints reactions reactioncount reactionscount numreactions""",
    "reposts": """reposts repostcount repostscount retweets retweetcount retweetscount publicmetricsretweetcount
        nretweets numretweets reblogs reblogscount reblogcount boosts boostcount shares sharecount sharescount
        numshares""",
    "replies": """replies replycount repliescount nreplies numreplies publicmetricsreplycount numcomments
        commentcount commentscount comments""",
    "lang": "lang language languagecode langcode isolanguagecode tweetlang recordlangs langs languages",
    "url": "permalink permalinkurl posturl tweeturl tweetlink postlink statusurl url link",
    "reply_to": """replyto replytoid inreplytostatusidstr inreplytostatusid inreplytotweetid inreplytoid inreplyto
        inreplytouri recordreplyparenturi replyparenturi parentid parentpostid""",
    "repost_of": """repostof retweetedstatusidstr retweetedstatusid retweetid retweetedtweetid reblogid rebloguri
        repostedid repostofid""",
    "source": "source platform network",
}
ALIASES: Mapping[str, tuple[str, ...]] = {field: tuple(names.split()) for field, names in _ALIASES.items()}
"""Canonical field -> folded column names, best first."""

FIELDS: tuple[str, ...] = tuple(ALIASES)
"""What a column can be mapped to, in the order in which fields choose their columns."""

_KNOWN = frozenset(name for names in ALIASES.values() for name in names)
_ABOUT_USER = ("user_id", "user_name", "user_handle")  # one column may serve several of these


def fold(column: str) -> str:
    """``createdAt``, ``created_at`` and ``Created At`` are one name: ``createdat``."""
    return "".join(char for char in column.casefold() if char.isalnum())


def count_known(columns: Iterable[str]) -> int:
    """How many of the columns have a name that some field goes by."""
    return sum(fold(column) in _KNOWN for column in columns)


def find_columns(columns: Sequence[str], given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Canonical field -> column.

    ``given`` goes first: it maps fields to columns, and a field given as an empty string stays unmapped. A text column
    named title is the text where there is no other. Raises ImportFailed for a field or a column that does not exist.
    """
    given = given or {}
    mapping = _check(columns, given)
    folded: dict[str, str] = {}
    for column in columns:
        folded.setdefault(fold(column), column)
    for field, names in ALIASES.items():
        if field in given:
            continue
        taken = {mapping[other] for other in mapping if not (field in _ABOUT_USER and other in _ABOUT_USER)}
        found = next((folded[name] for name in names if name in folded and folded[name] not in taken), None)
        if found is not None:
            mapping[field] = found
    if "user_handle" in mapping and mapping.get("user_name") == mapping["user_handle"]:
        # `username` is a handle, but Kaggle's `user_name` and the API's `user.name` are the name that is shown
        mapping.pop("user_name" if mapping["user_handle"].casefold() == "username" else "user_handle")
    if "user_id" not in mapping and "user_name" not in given:
        mapping.pop("user_name", None)  # a bare `name` is not about a user then
    if "text" not in mapping and "title" in mapping and "text" not in given:
        mapping["text"] = mapping.pop("title")
    return mapping


def _check(columns: Sequence[str], given: Mapping[str, str]) -> dict[str, str]:
    for field, column in given.items():
        if field not in ALIASES:
            raise ImportFailed(
                f"There is no field {field!r} to map a column to. Fields: {', '.join(FIELDS)}.", columns=columns
            )
        if column and column not in columns:
            raise ImportFailed(
                f"The column {column!r}, given for {field}, is not there. {list_columns(columns)}", columns=columns
            )
    return {field: column for field, column in given.items() if column}


def unique_names(names: Sequence[str]) -> list[str]:
    """Column names where empty ones are numbered (``column 3``) and repeated ones marked (``text (5)``)."""
    seen: dict[str, None] = {}
    for number, name in enumerate(names, start=1):
        unique = name or f"column {number}"
        while unique in seen:
            unique = f"{unique} ({number})"
        seen[unique] = None
    return list(seen)


def list_columns(columns: Sequence[str]) -> str:
    """A sentence for messages; long lists and names are cut."""
    shown = ", ".join(repr(column[:60]) for column in columns[:30])
    more = f" and {len(columns) - 30} more" if len(columns) > 30 else ""
    return f"Columns found: {shown}{more}." if columns else "No columns were found."


def no_posts(name: str, columns: Sequence[str]) -> ImportFailed:
    """What to raise where neither a text nor a picture column can be found."""
    return ImportFailed(
        f"{name}: no column looks like the posts' text or pictures. {list_columns(columns)} "
        "Say which one holds the text by a mapping, for example text=COLUMN.",
        columns=columns,
    )
