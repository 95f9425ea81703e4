"""The page of a search: what was asked, the answer in a sentence, pictures to point at, and the front's networks."""

from nas.search.page.content import write_html

__all__ = ["write_html"]
