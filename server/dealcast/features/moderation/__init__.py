"""Moderation: deleting lines of chat, muting people, slow mode."""
