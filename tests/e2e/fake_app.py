"""The app with the fake encoders, for tests that are not about what is near to what: it starts in a second and encodes
in no time. Takes what ``python -m streamlit`` takes."""

import pytest
from streamlit.web.cli import main

from tests.conftest import use_fake_encoders

if __name__ == "__main__":
    with pytest.MonkeyPatch.context() as patch:
        use_fake_encoders(patch)
        main()
