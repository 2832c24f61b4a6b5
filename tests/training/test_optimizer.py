"""The optimiser: what goes to Muon, how fast each part learns, and that an update of a matrix is orthogonal."""

import pytest
import torch

from worldmodel.training.optimizer import HEAD_SHARE, LEAST, SHARE, Muon, optimizers, orthogonal, set_rate


@pytest.fixture
def parameters():
    torch.manual_seed(0)
    shapes = [(16, 24), (24,), (LEAST - 1, 24), (8, 3, 3, 3), ()]
    return [torch.nn.Parameter(torch.randn(shape)) for shape in shapes]


def test_matrices_go_to_muon_and_all_else_to_adamw(parameters):
    adamw, muon = optimizers(parameters, 0.1, 0.0)
    assert [p.shape for p in muon.param_groups[0]["params"]] == [(16, 24)]
    assert len(adamw.param_groups[0]["params"]) == 4


def test_without_matrices_adamw_is_alone(parameters):
    assert len(optimizers(parameters[1:], 0.1, 0.0)) == 1


def test_one_rate_sets_the_pace_of_both(parameters):
    adamw, muon = optimizers(parameters, 0.1, 0.0)
    set_rate([adamw, muon], 0.02)
    assert muon.param_groups[0]["lr"] == 0.02 and adamw.param_groups[0]["lr"] == SHARE * 0.02


def test_an_update_of_a_matrix_moves_all_directions_alike(parameters):
    found, matrix = optimizers(parameters, 0.1, 0.0), parameters[0]
    before = matrix.detach().clone()
    gradient = torch.outer(torch.randn(16), torch.randn(24)) + 1e-2 * torch.randn(16, 24)  # one direction outweighs all
    for parameter in parameters:
        parameter.grad = torch.zeros_like(parameter)
    matrix.grad = gradient.clone()
    for optimizer in found:
        optimizer.step()
    moved, wanted = torch.linalg.svdvals(matrix.detach() - before), torch.linalg.svdvals(gradient)
    assert moved.max() / moved.min() < 10 < 50 < wanted.max() / wanted.min()


def test_it_steps_as_torchs_own_muon_does_but_for_what_bfloat16_rounds():
    torch.manual_seed(0)
    for shape in ((16, 24), (40, 12)):
        ours, theirs = (torch.nn.Parameter(start.clone()) for start in 2 * [torch.randn(shape)])
        one = Muon([ours], 0.02, weight_decay=0.1)
        other = torch.optim.Muon([theirs], 0.02, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
        before = ours.detach().clone()
        for _ in range(3):
            ours.grad = torch.randn(shape)
            theirs.grad = ours.grad.clone()
            one.step(), other.step()
        torch.testing.assert_close(one.state[ours]["momentum_buffer"], other.state[theirs]["momentum_buffer"])
        assert (ours - theirs).norm() < 0.02 * (theirs - before).norm()


@pytest.mark.parametrize("shape", [(8, 30), (30, 8), (20, 20)], ids=str)
def test_singular_values_come_near_1_and_directions_stay(shape):
    torch.manual_seed(0)
    matrix = torch.randn(shape)
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    found = left.T @ orthogonal(matrix) @ right.T
    assert ((found.diagonal() > 0.6) & (found.diagonal() < 1.3)).all()
    assert (found - torch.diag(found.diagonal())).abs().max() < 1e-3


def test_a_matrix_without_a_gradient_stays():
    matrix = torch.nn.Parameter(torch.ones(9, 9))
    Muon([matrix], 0.1, weight_decay=0.1).step()
    assert torch.equal(matrix.detach(), torch.ones(9, 9))


def test_a_head_with_few_examples_learns_slowly_and_not_by_muon(parameters):
    adamw, muon = found = optimizers(parameters[1:] + [torch.nn.Parameter(torch.randn(9, 9))], 0.1, 0.0, parameters[:1])
    rest, head = adamw.param_groups
    set_rate(found, 0.02)
    assert head["params"] == parameters[:1] and head["lr"] == HEAD_SHARE * 0.02 and head["weight_decay"] > rest["weight_decay"]
    assert muon.param_groups[0]["params"][0].shape == (9, 9)
