"""Second-order dynamics: without what contacts add, a rollout is an exact parabola, set by belief and action alone."""

import pytest
import torch

from worldmodel.model.dynamics import SecondOrderDynamics


def roll(dynamics, points, speed, constants, actions, steps):
    path = [(points, speed)]
    for t in range(steps):
        path.append(dynamics(*path[-1], constants, None if actions is None else actions[:, t]))
    return (torch.stack(part, 1) for part in zip(*path))


def start(actions=0, clips=5):
    torch.manual_seed(0)
    dynamics = SecondOrderDynamics(4, actions, constants=3, width=8).double()
    return dynamics, *(torch.randn(clips, n, dtype=torch.float64) for n in (4, 4, 3))


def test_an_untrained_network_leaves_exact_parabolas():
    dynamics, points, speed, constants = start()
    path, speeds = roll(dynamics, points, speed, constants, None, 30)
    a = (speeds[:, 1] - speeds[:, 0])[:, None]
    t = torch.arange(31, dtype=torch.float64)[:, None]
    torch.testing.assert_close(path, points[:, None] + speed[:, None] * t + a * t * (t + 1) / 2, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(speeds, speed[:, None] + a * t, rtol=1e-12, atol=1e-12)
    assert a.abs().min() > 0


def test_the_acceleration_is_linear_in_the_belief_beyond_any_range():
    dynamics, points, speed, constants = start()
    still = torch.zeros_like(speed)

    def acceleration(c):
        return dynamics(points, still, c)[1]

    rest = acceleration(0 * constants)
    torch.testing.assert_close(acceleration(1000 * constants) - rest, 1000 * (acceleration(constants) - rest))


def test_a_constant_action_bends_the_parabola_and_the_start_does_not():
    dynamics, points, speed, constants = start(actions=2)
    actions = torch.randn(5, 1, 2, dtype=torch.float64).expand(-1, 10, -1)
    path, _ = roll(dynamics, points, speed, constants, actions, 10)
    second = path[:, 2:] - 2 * path[:, 1:-1] + path[:, :-2]
    torch.testing.assert_close(second, second[:, :1].expand_as(second))
    elsewhere, _ = roll(dynamics, points + 3, speed - 2, constants, actions, 10)
    torch.testing.assert_close(elsewhere[:, 2:] - 2 * elsewhere[:, 1:-1] + elsewhere[:, :-2], second)
    coasting, _ = roll(dynamics, points, speed, constants, 0 * actions, 10)
    assert (coasting - path)[:, -1].abs().min() > 1e-3


def test_what_the_network_adds_can_break_the_parabola():
    dynamics, points, speed, constants = start()
    torch.nn.init.normal_(dynamics.network[-1].weight)
    path, _ = roll(dynamics, points, speed, constants, None, 10)
    third = path[:, 3:] - 3 * path[:, 2:-1] + 3 * path[:, 1:-2] - path[:, :-3]
    assert third.abs().max() > 1e-3


@pytest.mark.parametrize("actions", [0, 2])
def test_every_clip_goes_its_own_way(actions):
    dynamics, points, speed, constants = start(actions)
    action = torch.randn(5, actions, dtype=torch.float64) if actions else None
    together = dynamics(points, speed, constants, action)
    alone = dynamics(points[2:3], speed[2:3], constants[2:3], None if action is None else action[2:3])
    torch.testing.assert_close(together[0][2:3], alone[0])
    torch.testing.assert_close(together[1][2:3], alone[1])
