CREATE TABLE meta (key VARCHAR PRIMARY KEY, value VARCHAR NOT NULL);
INSERT INTO meta VALUES ('generation', '0'), ('created_at', now()::VARCHAR);

CREATE TABLE users (
    id VARCHAR PRIMARY KEY, name VARCHAR, handle VARCHAR, description VARCHAR, location VARCHAR,
    created_at TIMESTAMP, followers BIGINT, following BIGINT, extra VARCHAR NOT NULL DEFAULT '{}',
    generation BIGINT NOT NULL);

CREATE SEQUENCE post_rows;
CREATE TABLE posts (
    row BIGINT PRIMARY KEY DEFAULT nextval('post_rows'), id VARCHAR NOT NULL UNIQUE, text VARCHAR NOT NULL,
    user_id VARCHAR, created_at TIMESTAMP, lang VARCHAR, lang_guessed BOOLEAN NOT NULL DEFAULT false, url VARCHAR,
    reply_to VARCHAR, repost_of VARCHAR, likes BIGINT, reposts BIGINT, replies BIGINT, source VARCHAR,
    extra VARCHAR NOT NULL DEFAULT '{}',
    content_hash VARCHAR NOT NULL, -- of the whole record: an equal one is skipped
    text_hash VARCHAR NOT NULL, -- of the text alone: another one is encoded again
    pictures INTEGER NOT NULL DEFAULT 0, -- those that are there, not those that were named
    run BIGINT, ingested_at TIMESTAMP NOT NULL,
    generation BIGINT NOT NULL, text_generation BIGINT NOT NULL);
CREATE INDEX posts_by_reply ON posts (reply_to);

CREATE SEQUENCE media_rows;
CREATE TABLE media (
    row BIGINT PRIMARY KEY DEFAULT nextval('media_rows'), post_row BIGINT NOT NULL, position INTEGER NOT NULL,
    name VARCHAR NOT NULL, sha256 VARCHAR, path VARCHAR, width INTEGER, height INTEGER, pdq VARCHAR,
    pdq_quality INTEGER, alt VARCHAR, error VARCHAR, generation BIGINT NOT NULL);
CREATE INDEX media_by_post ON media (post_row);

CREATE TABLE interactions (
    user_id VARCHAR NOT NULL, post_id VARCHAR NOT NULL, kind VARCHAR NOT NULL, created_at TIMESTAMP,
    weight DOUBLE NOT NULL DEFAULT 1, generation BIGINT NOT NULL);

CREATE TABLE collections (
    id VARCHAR PRIMARY KEY, name VARCHAR NOT NULL, noun VARCHAR NOT NULL, created_at TIMESTAMP NOT NULL);
CREATE TABLE collection_members (
    collection_id VARCHAR NOT NULL, member VARCHAR NOT NULL, added_at TIMESTAMP NOT NULL,
    PRIMARY KEY (collection_id, member));

-- Vectors: one table a space, vectors_<n>(row, content_hash, generation, vector FLOAT[dim]); see vectors.py.
CREATE SEQUENCE space_numbers;
CREATE TABLE spaces (
    number INTEGER PRIMARY KEY DEFAULT nextval('space_numbers'), name VARCHAR NOT NULL, model_id VARCHAR NOT NULL,
    dim INTEGER NOT NULL, metric VARCHAR NOT NULL, created_at TIMESTAMP NOT NULL, UNIQUE (name, model_id));
-- Rows that derived parts must forget: noun is post or media.
CREATE TABLE removed (noun VARCHAR NOT NULL, row BIGINT NOT NULL, generation BIGINT NOT NULL);

CREATE SEQUENCE run_numbers;
CREATE TABLE runs (
    id BIGINT PRIMARY KEY DEFAULT nextval('run_numbers'), path VARCHAR NOT NULL, format VARCHAR NOT NULL,
    mapping VARCHAR NOT NULL, started_at TIMESTAMP NOT NULL, finished_at TIMESTAMP,
    position BIGINT NOT NULL DEFAULT 0,
    seen BIGINT NOT NULL DEFAULT 0, added BIGINT NOT NULL DEFAULT 0, updated BIGINT NOT NULL DEFAULT 0,
    skipped BIGINT NOT NULL DEFAULT 0, failed BIGINT NOT NULL DEFAULT 0,
    pictures_failed BIGINT NOT NULL DEFAULT 0);
CREATE TABLE run_failures (run BIGINT NOT NULL, place VARCHAR NOT NULL, reason VARCHAR NOT NULL);

CREATE SEQUENCE job_numbers;
CREATE TABLE jobs (
    id BIGINT PRIMARY KEY DEFAULT nextval('job_numbers'), kind VARCHAR NOT NULL, title VARCHAR NOT NULL,
    params VARCHAR NOT NULL, state VARCHAR NOT NULL, phase VARCHAR NOT NULL DEFAULT '',
    done BIGINT NOT NULL DEFAULT 0,
    total BIGINT, error VARCHAR, result VARCHAR, checkpoint VARCHAR, created_at TIMESTAMP NOT NULL,
    started_at TIMESTAMP, finished_at TIMESTAMP);
