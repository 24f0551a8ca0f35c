CREATE TABLE policies (
    id VARCHAR PRIMARY KEY, name VARCHAR NOT NULL, description VARCHAR NOT NULL, scorer VARCHAR NOT NULL,
    about VARCHAR NOT NULL DEFAULT '{}', -- what the scorer needs: an attribute, words, example posts
    threshold DOUBLE NOT NULL, action VARCHAR NOT NULL, enabled BOOLEAN NOT NULL DEFAULT true,
    position INTEGER NOT NULL, changed_at TIMESTAMP NOT NULL);

-- One row a post and policy that was scored; a new score of the same pair replaces it, and a copy of the old one stays
-- with the decisions that saw it.
CREATE TABLE scores (
    policy VARCHAR NOT NULL, post_row BIGINT NOT NULL, score FLOAT NOT NULL, model_id VARCHAR NOT NULL,
    content_hash VARCHAR NOT NULL, scored_at TIMESTAMP NOT NULL);
-- Which posts a scorer has seen in which content, those too of which it said nothing, and why.
CREATE TABLE scored (
    scorer VARCHAR NOT NULL, post_row BIGINT NOT NULL, content_hash VARCHAR NOT NULL, model_id VARCHAR NOT NULL,
    note VARCHAR);

-- The log: rows are added and never changed, but for the ids of an erased person.
CREATE SEQUENCE decision_numbers;
CREATE TABLE decisions (
    id BIGINT PRIMARY KEY DEFAULT nextval('decision_numbers'), made_at TIMESTAMP NOT NULL, reviewer VARCHAR NOT NULL,
    noun VARCHAR NOT NULL, -- post or user
    subject VARCHAR NOT NULL, post_row BIGINT, author VARCHAR, policy VARCHAR, action VARCHAR NOT NULL, label VARCHAR,
    reason VARCHAR, note VARCHAR NOT NULL DEFAULT '', seen VARCHAR NOT NULL DEFAULT '{}',
    review VARCHAR NOT NULL, -- first, second (blind, without effect) or appeal
    undoes BIGINT, batch VARCHAR NOT NULL, token VARCHAR NOT NULL, seconds DOUBLE);
CREATE INDEX decisions_by_token ON decisions (token);

-- What the log amounts to for each subject, written in the transaction of the decision.
CREATE TABLE standings (
    noun VARCHAR NOT NULL, subject VARCHAR NOT NULL, post_row BIGINT, state VARCHAR NOT NULL, label VARCHAR,
    policy VARCHAR, decision BIGINT NOT NULL, content_hash VARCHAR, -- of the text that was decided on
    PRIMARY KEY (noun, subject));
CREATE VIEW hidden_posts AS
    SELECT post_row AS row FROM standings WHERE noun = 'post' AND state IN ('removed', 'locked')
        AND post_row IS NOT NULL;

CREATE SEQUENCE report_numbers;
CREATE TABLE reports (
    id BIGINT PRIMARY KEY DEFAULT nextval('report_numbers'), post_row BIGINT NOT NULL, policy VARCHAR,
    note VARCHAR NOT NULL, reporter VARCHAR NOT NULL, kind VARCHAR NOT NULL, -- report or appeal
    made_at TIMESTAMP NOT NULL, closed_by BIGINT);

CREATE TABLE claims (post_row BIGINT PRIMARY KEY, reviewer VARCHAR NOT NULL, until TIMESTAMP NOT NULL);
CREATE TABLE snoozes (post_row BIGINT PRIMARY KEY, reviewer VARCHAR NOT NULL, until TIMESTAMP NOT NULL);

CREATE TABLE saved_queues (name VARCHAR PRIMARY KEY, address VARCHAR NOT NULL, made_at TIMESTAMP NOT NULL);
-- Banks of known content: a PDQ hash (64 hex digits) or a text's vector, with where it came from.
CREATE SEQUENCE bank_numbers;
CREATE TABLE bank_entries (
    id BIGINT PRIMARY KEY DEFAULT nextval('bank_numbers'), policy VARCHAR NOT NULL, kind VARCHAR NOT NULL,
    value VARCHAR NOT NULL, source VARCHAR NOT NULL, made_at TIMESTAMP NOT NULL, UNIQUE (policy, kind, value));
-- Mean scores of a scoring run by policy, for drift.
CREATE TABLE score_history (policy VARCHAR NOT NULL, model_id VARCHAR NOT NULL, made_at TIMESTAMP NOT NULL,
    posts BIGINT NOT NULL, mean DOUBLE NOT NULL, above BIGINT NOT NULL);
