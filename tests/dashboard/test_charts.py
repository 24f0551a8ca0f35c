from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from dashboard.components.charts import MOST_COLUMNS, time_columns

counted = st.dictionaries(st.dates(), st.integers(1, 1000), min_size=1, max_size=60).map(lambda d: sorted(d.items()))


@given(counted)
def test_every_post_is_in_one_column_or_counted_as_outside(days):
    columns, outside = time_columns(days)
    assert sum(column.count for column in columns) + outside == sum(count for _, count in days)
    assert outside <= sum(count for _, count in days) * 0.002


@given(counted)
def test_columns_follow_each_other_without_gaps(days):
    columns, _ = time_columns(days)
    for one, following in pairwise(columns):
        assert one.last + timedelta(days=1) == following.first


def test_steps_grow_with_the_time():
    def length(days):
        columns, _ = time_columns([(date(2020, 1, 1), 5), (date(2020, 1, 1) + timedelta(days=days), 5)])
        return (columns[0].last - columns[0].first).days + 1, len(columns)

    assert length(30) == (1, 31)
    assert length(300)[0] == 7
    assert length(2000)[0] == 31
    assert length(9000)[0] == 366
    assert length(90_000)[0] == 3653
    assert length(900_000)[0] == 36_525
    assert all(length(days)[1] <= MOST_COLUMNS + 2 for days in (10, 119, 800, 3000, 90_000, 2_000_000))


def test_one_absurd_date_does_not_flatten_the_rest():
    days = [
        (date(1, 1, 1), 1),
        *((date(2024, 3, 1) + timedelta(days=n), 100) for n in range(30)),
        (date(9999, 12, 31), 1),
    ]
    columns, outside = time_columns(days)
    assert columns[0].first == date(2024, 3, 1)
    assert len(columns) == 30
    assert outside == 2


def test_nothing_gives_nothing():
    assert time_columns([]) == ([], 0)
