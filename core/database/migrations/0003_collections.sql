-- What people say of a collection. One with deleted_at is in the bin: it can be taken back for a while.
ALTER TABLE collections ADD COLUMN note VARCHAR DEFAULT '';
ALTER TABLE collections ADD COLUMN tags VARCHAR[] DEFAULT [];
ALTER TABLE collections ADD COLUMN changed_at TIMESTAMP;
ALTER TABLE collections ADD COLUMN deleted_at TIMESTAMP;
UPDATE collections SET changed_at = created_at;
ALTER TABLE collection_members ADD COLUMN position BIGINT DEFAULT 0; -- the order in which they were added

-- A search to come back to: url is its address in the app, seen_row the newest post's row when it was last looked at.
CREATE TABLE saved_searches (
    id VARCHAR PRIMARY KEY, name VARCHAR NOT NULL, url VARCHAR NOT NULL, created_at TIMESTAMP NOT NULL,
    seen_at TIMESTAMP NOT NULL, seen_row BIGINT NOT NULL);

-- The counts of a post as each import found them; posts holds the newest. Written where a re-import changes one.
CREATE TABLE count_history (
    post_row BIGINT NOT NULL, seen_at TIMESTAMP NOT NULL, likes BIGINT, reposts BIGINT, replies BIGINT);
CREATE INDEX count_history_by_post ON count_history (post_row);

-- Remote pictures that were asked for: what became of each address.
CREATE TABLE picture_fetches (
    url VARCHAR PRIMARY KEY, state VARCHAR NOT NULL, reason VARCHAR, tried_at TIMESTAMP NOT NULL);
