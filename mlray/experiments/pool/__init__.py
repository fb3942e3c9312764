"""Pools of lanes: one Tuner that stays up while sweeps come and go."""

__all__: list[str] = []
