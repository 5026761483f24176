"""The form of an agreement: made from the engine's dataclasses, so that whatever the engine knows can be edited.

Every input is named by the JSON pointer of its member; so what was posted becomes a document again, and a refusal's
pointer names the input it belongs to.
"""
