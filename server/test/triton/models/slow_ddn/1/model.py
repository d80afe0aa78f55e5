import time

import triton_python_backend_utils as triton


class TritonPythonModel:
    def execute(self, requests):
        answers = []
        for request in requests:
            image = triton.get_input_tensor_by_name(request, "image").as_numpy()
            until = time.monotonic() + image.flat[0] / 1000
            while time.monotonic() < until and not request.is_cancelled():
                time.sleep(0.01)
            answers.append(triton.InferenceResponse([triton.Tensor("denoised", image)]))
        return answers
