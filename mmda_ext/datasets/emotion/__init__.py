"""IEMOCAP and MSP-IMPROV: from the release archives to one small form on disk (docs/emotion_data.md)."""
