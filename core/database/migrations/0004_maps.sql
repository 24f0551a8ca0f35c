-- What people changed on a map by hand, of one level of its clusters. members are post rows, or user ids, as text.
-- What was made in one go has one batch and is undone together.
CREATE SEQUENCE map_edit_numbers;
CREATE SEQUENCE map_edit_batches;
CREATE TABLE map_edits (
    number BIGINT PRIMARY KEY DEFAULT nextval('map_edit_numbers'), layout VARCHAR NOT NULL, batch BIGINT NOT NULL,
    level INTEGER NOT NULL, kind VARCHAR NOT NULL, name VARCHAR NOT NULL, members VARCHAR[] NOT NULL,
    terms VARCHAR NOT NULL DEFAULT '[]', made_at TIMESTAMP NOT NULL);
