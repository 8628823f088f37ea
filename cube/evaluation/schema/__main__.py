"""Print the JSON Schema of evaluation.json."""

import json
import sys

from cube.evaluation.schema import Evaluation

sys.stdout.write(json.dumps(Evaluation.model_json_schema(), indent=2) + "\n")
