import os
import time

import triton_python_backend_utils as triton

SECONDS_PER_BATCH = 0.001


class TritonPythonModel:
    def initialize(self, args):
        self.pixels_per_second = 1e6 * float(os.environ["DDN_SIMULATED_MPIXELS_PER_SECOND"])

    def execute(self, requests):
        start = time.perf_counter()
        images = [triton.get_input_tensor_by_name(request, "INPUT0").as_numpy() for request in requests]
        until = start + SECONDS_PER_BATCH + sum(image.size for image in images) / self.pixels_per_second
        answers = [triton.InferenceResponse([triton.Tensor("OUTPUT0", image)]) for image in images]
        time.sleep(max(0, until - time.perf_counter()))
        return answers
