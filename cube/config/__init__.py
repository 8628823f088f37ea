"""One tree of settings = one YAML file. Unknown keys and values out of range are errors."""

from cube.config.curriculum import PacingConfig, StageConfig
from cube.config.data import DataConfig, FilterConfig, SplitConfig
from cube.config.loading import dump_config, load_config, parse_config, resolve_source
from cube.config.section import expand_user
from cube.config.training import CoreConfig, TrainingConfig
from cube.config.tree import Config, DriftConfig, EvaluationConfig, GateConfig, TeacherConfig

__all__ = [
    "Config",
    "CoreConfig",
    "DataConfig",
    "DriftConfig",
    "EvaluationConfig",
    "FilterConfig",
    "GateConfig",
    "PacingConfig",
    "SplitConfig",
    "StageConfig",
    "TeacherConfig",
    "TrainingConfig",
    "dump_config",
    "expand_user",
    "load_config",
    "parse_config",
    "resolve_source",
]
