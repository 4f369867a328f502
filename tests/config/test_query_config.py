"""[sources.query]: where a source is asked."""

import pytest

from ich_node.config.load import load_config
from ich_node.config.query import DicomQuery, DicomWebQuery
from ich_node.errors import ConfigError

SOURCE = '[[sources]]\nname = "pacs"\nae_title = "PACS"\n[sources.query]\n'


def load(tmp_path, text):
    path = tmp_path / "config.toml"
    path.write_text(SOURCE + text)
    return load_config(path).config.sources[0].query


def test_both_kinds_are_read(tmp_path):
    """The AE title is that of the source, where the query names no other; a relative path lies
    beside config.toml.
    """
    query = load(tmp_path, 'host = "10.1.2.3"\nport = 104')
    assert isinstance(query, DicomQuery)
    assert query.peer("pacs", "PACS").address == "PACS at 10.1.2.3:104"
    assert (query.series_per_minute, query.hours) == (6, None)
    query = load(tmp_path, 'kind = "dicomweb"\nurl = "https://h/d"\ntoken_file = "token"')
    assert isinstance(query, DicomWebQuery)
    assert query.service("pacs").token_file == tmp_path / "token"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('host = "h"', "[sources.query] needs the setting 'port'"),
        ('kind = "web"', "there is no kind 'web'; there are: dicom, dicomweb"),
        ('host = "h"\nport = 1\nwindow = "8pm"', 'window: write two times of day, e.g. "20:'),
        ('host = "h"\nport = 1\ntls = true', "of pacs: tls needs [tls] certificate and ca"),
        ('host = "h"\nport = 1\nurl = "x"', "[sources.query] has no setting 'url'"),
        (
            'kind = "dicomweb"\nurl = "http://10.1.2.3/d"\ntoken_file = "t"',
            "[sources.query] a token or password needs https://",
        ),
        ('kind = "dicomweb"\nurl = "https://h/d"\nusername = "u"', "password_file go together"),
    ],
)
def test_a_mistake_is_a_sentence(tmp_path, text, sentence):
    """It names the section, and what would be right."""
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, text)
    assert sentence in raised.value.detail
