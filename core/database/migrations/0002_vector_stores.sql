-- Vectors that lie elsewhere, as in Milvus: one table a store and space tells which rows it holds and of which
-- content, held_<n>(row, content_hash, generation); see vectors.py. synced is the generation up to which removed
-- rows were removed there.
CREATE SEQUENCE store_numbers;
CREATE TABLE stores (
    number INTEGER PRIMARY KEY DEFAULT nextval('store_numbers'), store VARCHAR NOT NULL, space INTEGER NOT NULL,
    synced BIGINT NOT NULL DEFAULT -1, UNIQUE (store, space));
