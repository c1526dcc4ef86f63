"""Templates of lines."""

from gateway.history.failure.templates import Templates


def test_lines_that_differ_in_numbers_have_one_template() -> None:
    """So do lines that differ in a few words; the template has what they have in common."""
    templates = Templates()
    first = templates.add("GET /cart 200 in 13 ms for user anna today")
    assert templates.add("GET /cart 404 in 1 ms for user anna today") == first
    assert templates.add("GET /cart 200 in 13 ms for user berta today") == first
    assert templates.words[first] == ["GET", "/cart", "<*>", "in", "<*>", "ms", "for", "user", "<*>", "today"]


def test_lines_of_different_kinds_have_templates_of_their_own() -> None:
    """By their number of words, their first words, and how many agree; colours do not count."""
    templates = Templates()
    lines = ["cannot open file", "cannot open file now", "disk is full", "cannot open the door there", "ok"]
    assert len({templates.add(line) for line in lines}) == len(lines)
    assert templates.find("\x1b[31mdisk\x1b[0m is full") == 2
    assert templates.find("nothing like it was there") is None


def test_templates_are_bounded() -> None:
    """However different lines are; those beyond are one kind."""
    templates = Templates()
    found = [templates.add(f"begins the same {chr(97 + n % 26) * (n // 26 + 1)}x{'yz' * n} q w e") for n in range(3000)]
    assert len(templates.words) <= 5_000
    assert templates.add("x" * 100_000) >= 0
    assert min(found) >= -1
