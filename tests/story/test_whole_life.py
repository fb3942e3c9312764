"""A whole life on a small project: the data turn round, and the coordinator is to notice, retrain, and pay for it."""

from decimal import Decimal

import pytest

import mlray
from mlray.records import Act
from tests.projects import small_project


@pytest.mark.ray
@pytest.mark.slow
def test_the_loop_closes_by_itself(tmp_path, ray_session):
    folder = small_project(tmp_path / "orders", trials=2)
    with mlray.open(folder) as project:
        result = project.run()

        acts = [decision.act for decision in result.decisions]
        assert acts[:2] == [Act.RETRAIN, Act.PROMOTE]
        assert Act.HOLD in acts
        assert acts.count(Act.RETRAIN) >= 2, "the data turned round and nobody retrained"
        assert Act.SHADOW in acts
        assert all(result.outcomes[decision.id] for decision in result.decisions)
        assert all(decision.because for decision in result.decisions)

        entries = project.journal()
        assert project.space.journal.verify() == len(entries)
        assert result.requests == 22
        report = result.report.read_text(encoding="utf-8")
        assert "<svg" in report
        assert "orders" in report
        spent = sum((Decimal(str(entry.data["amount"])) for entry in project.journal(kind="spend")), Decimal(0))
        assert 0 < spent <= 100
        for decision in result.decisions:
            if decision.act is Act.RETRAIN:
                seen = next(entry for entry in entries if entry.key == decision.id)
                training = [e for e in entries if e.kind == "training" and e.data["cause"] == decision.id]
                assert training
                assert training[0].seq > seen.seq, "it acted before it wrote the decision down"
