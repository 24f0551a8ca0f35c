-- Each training of a recommender, and its figures on what came after the training's cut in time; the newest of a name
-- serves. The arrays lie in recommend/<name>/, derived from these interactions.
CREATE SEQUENCE training_numbers;
CREATE TABLE trainings (
    id BIGINT PRIMARY KEY DEFAULT nextval('training_numbers'), model VARCHAR NOT NULL, trained_at TIMESTAMP NOT NULL,
    generation BIGINT NOT NULL, seconds DOUBLE NOT NULL, settings VARCHAR NOT NULL, figures VARCHAR NOT NULL,
    curve VARCHAR NOT NULL);

-- Lists that another recommender made: what it would show a user, best first from rank 1.
CREATE TABLE foreign_lists (
    model VARCHAR NOT NULL, user_id VARCHAR NOT NULL, post_id VARCHAR NOT NULL, score DOUBLE NOT NULL,
    rank INTEGER NOT NULL, imported_at TIMESTAMP NOT NULL);
CREATE INDEX foreign_lists_by_user ON foreign_lists (user_id);
CREATE INDEX interactions_by_user ON interactions (user_id);
