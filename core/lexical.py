"""The lexical index: BM25 over the words of posts, by tantivy.

Each document is a row of the database with these fields: ``text``, the words as they are written (folded, see
:mod:`core.search.tokens`); ``stem``, their English stems, which count half; ``grams``, characters and pairs of
characters of scripts without spaces; ``tags``, hashtags and mentions; ``user``, the author's id. Texts are cut into
words here and handed over separated by spaces, so that index, query and marks can't differ.
"""

from __future__ import annotations

import json
import math
import re
import shutil
import threading
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import tantivy
from numpy.typing import NDArray
from tantivy import Occur, Query

from core import derived
from core.search import tokens
from core.search.query_words import Item, WordQuery, all_words, parse, user_form

Rows = NDArray[np.int64]
Scores = NDArray[np.float32]
Clause = tuple[Any, Any]
"""Whether it must, should or must not match, and a query."""

Document = tuple[int, str, str | None]
"""Row, text and user id of a post."""

NOT_BUILT = -1
"""The generation of an index that holds nothing: older than every generation of a database."""

FOLDER = "index"
HEAP_BYTES = 128_000_000
STEM_WEIGHT = 0.5

_SCHEMA_VERSION = 1
_SPARE = 16
_MOST_TIES = 4_000
# Leaving out rows inside tantivy costs as much as fetching this many hits a row, and some to begin with (measured).
_ROW_TERM_COST = 4
_ROW_TERMS_START = 1_000
_MOST_GRAMS = 64
_BM25_K1 = 1.2


class LexicalIndex:
    """Searches may come from any thread, also while :meth:`update` runs: they see the state before it or after it."""

    def __init__(self, folder: Path, index: Any, generation: int, notice: str | None) -> None:
        self._folder = folder
        self._index = index
        self._schema = index.schema
        self._generation = generation
        self._updating = threading.Lock()
        self._searcher = index.searcher()
        self.notice = notice

    @classmethod
    def open(cls, folder: Path) -> LexicalIndex:
        """Opens the index in ``folder``, or begins an empty one where there is none that can be used.

        An empty one has the generation NOT_BUILT, and ``notice`` says why it is empty.
        """
        problems = derived.verify(folder)
        manifest = derived.read_manifest(folder)
        if manifest is not None and not problems and manifest.about.get("schema") != _SCHEMA_VERSION:
            problems = [f"{folder.name}: written by another version of Feedscope."]
        if manifest is None or problems:
            return cls._begin(folder, " ".join(problems))
        try:
            index = _with_tokenizers(tantivy.Index.open(str(folder / FOLDER)))
            opened = cls(folder, index, manifest.generation, None)
        except (ValueError, OSError) as error:
            return cls._begin(folder, f"{folder.name}: the index can't be opened ({error}).")
        if not manifest.files:  # An update was cut off after this manifest: what it committed is whole.
            opened._record(manifest.generation, {})
        return opened

    @classmethod
    def _begin(cls, folder: Path, notice: str) -> LexicalIndex:
        (folder / derived.MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(folder / FOLDER, ignore_errors=True)
        (folder / FOLDER).mkdir(parents=True)
        index = _with_tokenizers(tantivy.Index(_schema(), str(folder / FOLDER), sort_by_field="row"))
        return cls(folder, index, NOT_BUILT, notice)

    @property
    def generation(self) -> int:
        """The database's generation that the index has caught up with."""
        return self._generation

    def __len__(self) -> int:
        return int(self._searcher.num_docs)

    def update(self, documents: Iterable[Document], remove: Sequence[int] | Rows = (), *, generation: int) -> None:
        """Adds or replaces documents, removes others, and notes the generation; all of it, or after a crash any part
        of it with the old generation, so that the same update done again mends it.

        Where ``documents`` raises, nothing is changed.
        """
        with self._updating:
            # While files change there is nothing to verify, and a crash is to leave the old generation.
            before = self._segment_files()
            self._write_manifest(self._generation, {})
            try:
                self._write_documents(documents, remove)
            except BaseException:
                self._record(self._generation, before)
                raise
            self._index.reload()
            self._searcher = self._index.searcher()
            self._record(generation, before)

    def _write_documents(self, documents: Iterable[Document], remove: Sequence[int] | Rows) -> None:
        writer = self._index.writer(HEAP_BYTES, 1)
        try:
            for row in remove:
                self._delete(writer, int(row))
            for row, text, user in documents:
                self._delete(writer, row)
                writer.add_document(_document(row, text, user))
            writer.commit()
        except BaseException:
            writer.rollback()
            raise
        finally:
            writer.wait_merging_threads()

    def _delete(self, writer: Any, row: int) -> None:
        # By a query: tantivy-py 0.27's delete_documents_by_term takes the number for a signed one, and deletes nothing.
        writer.delete_documents_by_query(Query.term_query(self._schema, "row", row))

    def _segment_files(self) -> dict[Path, derived.StoredFile]:
        """The files that the manifest names, but for tantivy's list of them: those never change, they come and go."""
        manifest = derived.read_manifest(self._folder)
        paths = manifest.paths() if manifest else {}
        return {path: stored for path, stored in paths.items() if path.suffix != ".json"}

    def _record(self, generation: int, before: dict[Path, derived.StoredFile]) -> None:
        """Notes the generation and the files of the last commit. What else lies there tantivy clears away in time."""
        index = self._folder / FOLDER
        segments = json.loads((index / "meta.json").read_bytes())["segments"]
        names = ("meta.json", *(segment["segment_id"].replace("-", "") for segment in segments))
        paths = [path for path in index.iterdir() if path.name.startswith(names)]
        self._write_manifest(generation, derived.describe(self._folder, paths, known=before))
        self._generation = generation

    def _write_manifest(self, generation: int, files: derived.Files) -> None:
        now = datetime.now(UTC).replace(tzinfo=None)
        about = {"schema": _SCHEMA_VERSION, "count": len(self)}
        derived.write_manifest(self._folder, derived.Manifest(self._folder, generation, now, files, about))

    def search(
        self, words: str, k: int, *, allowed: Rows | None = None, unwanted: Sequence[str] = ()
    ) -> tuple[Scores, Rows]:
        """The best ``k`` rows or fewer, in falling score, ties in rising row.

        ``words`` is in the language of :mod:`core.search.query_words`; any string will do. ``allowed`` are the rows
        that may come back (any order). Documents with all words of a text in ``unwanted`` are left out. The score is
        BM25 (k1 1.2, b 0.75) over written words plus half of that over stems; documents that have all that is asked for
        get the most that the others could reach on top, and so come first.
        """
        query = parse(words)
        if not query.wanted or k < 1:
            return np.empty(0, np.float32), np.empty(0, np.int64)
        refused = [group for text in unwanted if (group := all_words(text))]
        search = _Search(self._searcher, self._schema, query, [*query.unwanted, *refused], allowed)
        return search.run(k)


class _Search:
    """One search: the query in tantivy's terms, and the hits fetched as rows."""

    def __init__(
        self,
        searcher: Any,
        schema: Any,
        query: WordQuery,
        unwanted: Sequence[tuple[Item, ...]],
        allowed: Rows | None,
    ) -> None:
        self._searcher = searcher
        self._schema = schema
        self._required = [item for item in query.wanted if item.required]
        self._optional = [item for item in query.wanted if not item.required]
        self._unwanted = unwanted
        self._allowed = None if allowed is None else _Allowed(allowed)

    def run(self, k: int) -> tuple[Scores, Rows]:
        matches = [self._matches(item) for item in self._optional] or [int(self._searcher.num_docs)]
        if len(self._optional) < 2:
            return self._top(self._ranked() if self._optional else [], k, sum(matches))
        every = [clause for item in self._optional for clause in self._must(item)]
        scores, rows = self._top(every, k, min(matches))
        scores += np.float32(self._most())
        if len(rows) < k:
            more_scores, more_rows = self._top(self._ranked(), k + len(rows), sum(matches))
            new = ~np.isin(more_rows, rows)
            scores = np.concatenate([scores, more_scores[new]])[:k]
            rows = np.concatenate([rows, more_rows[new]])[:k]
        return scores, rows

    def _top(self, clauses: list[Clause], wanted: int, matches: int) -> tuple[Scores, Rows]:
        """The best ``wanted`` allowed rows; ``matches`` is about how many documents fulfil the clauses.

        Hits that are not allowed are fetched and dropped, or, where that would mean too many of them, left out by
        tantivy itself.
        """
        limit = wanted + _SPARE
        filters = self._filters()
        if self._allowed is not None:
            expected = min(matches, 1.5 * limit * self._searcher.num_docs / len(self._allowed))
            if expected > _ROW_TERM_COST * (_ROW_TERMS_START + len(self._allowed)):
                rows = Query.term_set_query(self._schema, "row", self._allowed.rows.tolist())
                filters.append((Occur.Must, Query.const_score_query(rows, 0.0)))
            else:
                limit = max(limit, int(expected))
        if filters and clauses:
            filters.append((Occur.Must, Query.boolean_query(clauses)))
        # Clauses alone stay flat, so that tantivy can skip documents that can't reach the best (block-max WAND).
        return self._fetch(Query.boolean_query(filters or clauses), wanted, limit)

    def _fetch(self, query: Any, wanted: int, limit: int) -> tuple[Scores, Rows]:
        """Asks for more hits until ``wanted`` are allowed and none that was not seen can tie with the last of them.

        Among very many ties tantivy's own order decides: rising row within each of its segments.
        """
        while True:
            hits = self._searcher.search(query, limit, count=False).hits
            scores = np.fromiter((score for score, _ in hits), np.float32, len(hits))
            rows = np.array(self._searcher.fast_field_values("row", [address for _, address in hits]), np.int64)
            kept = np.arange(len(rows)) if self._allowed is None else np.flatnonzero(self._allowed.has(rows))
            if len(hits) < limit:
                break
            if len(kept) >= wanted and (scores[kept[wanted - 1]] > scores[-1] or limit >= wanted + _MOST_TIES):
                break
            limit *= 8
        scores, rows = scores[kept], rows[kept]
        order = np.lexsort((rows, -scores))[:wanted]
        return scores[order], rows[order]

    def _filters(self) -> list[Clause]:
        """What holds for every hit: the required items, and none of the unwanted groups."""
        clauses = [clause for item in self._required for clause in self._must(item)]
        for group in self._unwanted:
            together = [clause for item in group for clause in self._must(item)]
            clauses.append((Occur.MustNot, Query.boolean_query(together)))
        return clauses

    def _ranked(self) -> list[Clause]:
        return [(Occur.Should, query) for item in self._optional for query in self._scored(item)]

    def _must(self, item: Item) -> list[Clause]:
        """The clauses that a document with the item fulfils, scored."""
        if item.kind == "word":
            # Whoever has the word has its stem.
            return [(Occur.Must, self._stem(item.terms[0])), (Occur.Should, self._term("text", item.terms[0]))]
        if item.kind == "phrase" and len(item.terms) > 1:
            return [(Occur.Must, Query.phrase_query(self._schema, "text", list(item.terms)))]
        if item.kind == "run" and item.required and len(item.terms[0]) > 1:
            pairs = [(at, gram) for at, gram in _grams(item) if at % 2]
            if len(pairs) > 1:
                return [(Occur.Must, Query.phrase_query(self._schema, "grams", pairs))]
        return [(Occur.Must, query) for query in self._scored(item)]

    def _scored(self, item: Item) -> list[Any]:
        """The queries that rank a document by the item, to be joined by or."""
        term = item.terms[0]
        if item.kind == "word":
            return [self._term("text", term), self._stem(term)]
        if item.kind == "prefix":
            every = Query.regex_query(self._schema, "text", re.escape(term) + ".*")
            return [Query.const_score_query(every, 1.0)]
        if item.kind == "run":
            return [self._term("grams", gram) for at, gram in _grams(item) if at % 2 or len(term) == 1]
        field = {"phrase": "text", "tag": "tags", "user": "user"}[item.kind]
        return [self._term(field, term)]

    def _term(self, field: str, term: str) -> Any:
        return Query.term_query(self._schema, field, term, index_option="freq")

    def _stem(self, word: str) -> Any:
        return Query.boost_query(self._term("stem", tokens.stem(word)), STEM_WEIGHT)

    def _most(self) -> float:
        """More than any document can score by the optional items."""
        most = 0.0
        for item in self._optional:
            if item.kind == "word":
                most += self._bound("text", item.terms[0]) + STEM_WEIGHT * self._bound(
                    "stem", tokens.stem(item.terms[0])
                )
            elif item.kind == "run":
                most += sum(self._bound("grams", gram) for _, gram in _grams(item))
            else:
                most += self._bound("tags", item.terms[0]) if item.kind == "tag" else 1.0
        return most

    def _bound(self, field: str, term: str) -> float:
        """A term's BM25 never reaches idf * (k1 + 1). One is added to the idf, since tantivy also counts documents that
        were removed and not yet merged away."""
        having = self._searcher.doc_freq(field, term)
        count = max(self._searcher.num_docs, having)
        return (math.log(1 + (count - having + 0.5) / (having + 0.5)) + 1) * (_BM25_K1 + 1)

    def _matches(self, item: Item) -> int:
        """How many documents have the item, or more."""
        if item.kind == "word":
            return int(self._searcher.doc_freq("stem", tokens.stem(item.terms[0])))
        if item.kind == "tag":
            return int(self._searcher.doc_freq("tags", item.terms[0]))
        return int(self._searcher.num_docs)


class _Allowed:
    """Some rows, and quickly which of others are among them."""

    def __init__(self, rows: Rows) -> None:
        rows = rows[rows >= 0]
        rising = len(rows) < 2 or bool((rows[1:] > rows[:-1]).all())
        self.rows: Rows = rows if rising else np.unique(rows)

    def __len__(self) -> int:
        return max(1, len(self.rows))

    def has(self, rows: Rows) -> NDArray[np.bool_]:
        if not len(self.rows):
            return np.zeros(len(rows), np.bool_)
        at = np.searchsorted(self.rows, rows)
        at[at == len(self.rows)] = 0
        known: NDArray[np.bool_] = self.rows[at] == rows
        return known


def _schema() -> Any:
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("row", indexed=True, fast=True)
    builder.add_text_field("text", tokenizer_name="words", index_option="position")
    builder.add_text_field("stem", tokenizer_name="stems", index_option="freq")
    builder.add_text_field("grams", tokenizer_name="words", index_option="position")
    builder.add_text_field("tags", tokenizer_name="words", index_option="freq")
    builder.add_text_field("user", tokenizer_name="raw", index_option="basic")
    return builder.build()


def _with_tokenizers(index: Any) -> Any:
    index.register_tokenizer("words", tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build())
    index.register_tokenizer("stems", tokens.STEMMER)
    return index


def _document(row: int, text: str, user: str | None) -> Any:
    document = tantivy.Document()
    document.add_unsigned("row", row)
    words, runs = tokens.forms(text)
    document.add_text("text", " ".join(words))
    document.add_text("stem", " ".join(words))
    if runs:
        # Runs are kept apart, so that no phrase goes from one to the next.
        document.add_text("grams", " \u0000 ".join(" ".join(gram for _, gram in tokens.grams(run)) for run in runs))
    if "#" in text or "@" in text or "＃" in text or "＠" in text:
        document.add_text("tags", " ".join(_tag_terms(text)))
    if user:
        document.add_text("user", user_form(user))
    return document


def _tag_terms(text: str) -> Iterator[str]:
    """Tags, and for a mention with a domain (``@alice.bsky.social``) also its first part."""
    for token in tokens.tags(text):
        yield token.form
        if "." in token.form:
            yield token.form.split(".")[0]


def _grams(item: Item) -> list[tuple[int, str]]:
    return list(tokens.grams(item.terms[0][:_MOST_GRAMS]))
