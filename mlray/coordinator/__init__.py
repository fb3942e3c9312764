"""The loop: facts, decisions written down before they are carried out, and the actor that never forgets."""

__all__: list[str] = []
