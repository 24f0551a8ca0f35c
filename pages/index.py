"""Index: how the vector indexes stand and how good they are, a lab for other families, and near-duplicates."""

from __future__ import annotations

from dashboard import resources
from dashboard.components.dual_training_view import draw_dual_training
from dashboard.components.duplicates_view import draw_duplicates
from dashboard.components.index_view import draw_spaces
from dashboard.components.lab_view import draw_lab
from dashboard.components.notices import notices, state
from dashboard.components.own_pictures_view import draw_own_pictures
from dashboard.components.text import element, show
from dashboard.links import DataLink, IndexLink
from dashboard.navigation import current, page_link
from dashboard.resources import people

link, problems = current(IndexLink)
show(
    element("h1", "Index"),
    element("p", "How well and how fast neighbours are found here, and what else could find them.", class_="fs-lead"),
)
notices(problems)
standings = resources.index_standings()
if standings:
    draw_spaces(standings)
    draw_lab(link, standings)
    draw_own_pictures()
    if people.may("data"):
        draw_dual_training()
    draw_duplicates(link)
elif resources.overview().posts:
    state("Nothing is encoded yet", "Posts are found by their words alone until a model has read them.")
    page_link(DataLink(), "Models and indexes", icon=":material/database:")
else:
    state("There is nothing to index yet", "An index is built when posts are imported.")
    page_link(DataLink(), "Bring your data", icon=":material/upload:")
