"""Labels."""

from filters.labels import label_metadata, labels_of


def test_labels_are_what_workers_reported_or_what_is_known_of_their_pods() -> None:
    """The first value of a label counts; what is neither is no label."""
    pod = {"podName": "w-1", "namespace": "ci", "labels": {"app": "shop"}, "createdAt": "today"}
    assert labels_of([pod]) == {"app": "shop", "podName": "w-1", "namespace": "ci"}
    assert labels_of([None, {"label.app": "cart", "command": "make"}, pod])["app"] == "cart"


def test_the_labels_of_a_pod_survive_as_metadata() -> None:
    """A report that takes the place of a registration has them as well."""
    pod = {"podName": "w-1", "labels": {"app": "shop"}}
    assert labels_of([label_metadata(pod)]) == labels_of([pod])
    assert label_metadata(None) == {}
