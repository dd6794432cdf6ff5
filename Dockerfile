# For NVIDIA GPUs: docker build -t twostage . && docker run --gpus all -v "$PWD/runs:/app/runs" twostage --dataset mnist
FROM python:3.12-slim
WORKDIR /app
RUN pip install --no-cache-dir "tensorflow[and-cuda]>=2.20,<2.22"
COPY pyproject.toml README.md LICENSE ./
COPY tf_twostage ./tf_twostage
COPY fid ./fid
# hadolint ignore=DL3013
RUN pip install --no-cache-dir ".[serve]"
ENTRYPOINT ["twostage-vae"]
