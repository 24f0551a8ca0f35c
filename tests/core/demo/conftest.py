import pytest

from core.demo.network import Network, plan_network


@pytest.fixture(scope="session")
def network() -> Network:
    return plan_network()
