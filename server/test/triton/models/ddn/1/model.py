import json
import os

import numpy as np
import onnxruntime
import triton_python_backend_utils as triton


class TritonPythonModel:
    def initialize(self, args):
        path = json.loads(args["model_config"])["parameters"]["onnx"]["string_value"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            os.path.join(args["model_repository"], path), options, providers=["CPUExecutionProvider"]
        )

    def execute(self, requests):
        answers = []
        for request in requests:
            names = ("image", "params")
            feeds = {name: triton.get_input_tensor_by_name(request, name).as_numpy() for name in names}
            (denoised,) = self.session.run(["denoised"], feeds)
            answers.append(triton.InferenceResponse([triton.Tensor("denoised", np.ascontiguousarray(denoised))]))
        return answers
