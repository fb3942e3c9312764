import pytest

from mlray.console.markup import Safe, join, plain, raw, tag


def test_text_is_escaped_and_markup_is_not():
    assert (
        tag("p", "<script>alert(1)</script>", tag("b", "&"))
        == "<p>&lt;script&gt;alert(1)&lt;/script&gt;<b>&amp;</b></p>"
    )


def test_an_attribute_cannot_be_left_by_a_quote():
    assert tag("td", title='"><script>') == '<td title="&quot;&gt;&lt;script&gt;"></td>'


@pytest.mark.parametrize(
    ("value", "written"),
    [(1.0, ' x="1"'), (1.239, ' x="1.24"'), (True, " x"), (False, ""), (None, ""), ("", ' x=""')],
)
def test_attributes_are_written_short(value, written):
    assert tag("i", x=value) == f"<i{written}></i>"


def test_a_void_element_has_no_end():
    assert tag("meta", charset="utf-8") == '<meta charset="utf-8">'


@pytest.mark.parametrize("bad", ["\x00", "\x1b", "\x07", "\x9b", "\x7f", "\u202e"])
def test_control_characters_are_made_visible(bad):
    assert plain(f"a{bad}b") == "a�b"


def test_what_is_joined_is_markup_and_knows_it():
    whole = join("<", raw("<br>"), None)
    assert isinstance(whole, Safe)
    assert whole.__html__() == "&lt;<br>"
