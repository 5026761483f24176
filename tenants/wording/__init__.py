"""The words of an agreement's parts in the reader's language: labels, choices, sentences."""
