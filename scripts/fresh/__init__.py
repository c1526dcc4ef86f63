"""``make fresh``: the commands of this repository in an empty Debian, which has python3, git and make and no more."""
