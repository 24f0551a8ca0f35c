import random

from core.ingest.seen import SeenIds


def test_it_answers_as_a_set_does():
    chance = random.Random(3)
    seen, plain = SeenIds(fold_at=50), set()
    for _ in range(3000):
        id_ = f"id{chance.randint(0, 1500)}"
        assert (id_ in seen) == (id_ in plain)
        assert seen.add(id_) == (id_ not in plain)
        plain.add(id_)
    assert len(seen) == len(plain)


def test_many_ids_take_few_bytes():
    seen = SeenIds(fold_at=1000)
    for number in range(20_000):
        seen.add(str(number))
    assert seen._folded.nbytes == 8 * 20_000
    assert not seen._latest
