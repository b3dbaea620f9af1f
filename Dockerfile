# The image that pipelines run in: on this machine, on Vertex AI, on Kubeflow.
#   docker build -t kerasline .                      for the CPU
#   docker build -t kerasline:gpu --build-arg GPU=1 .  with the CUDA libraries of requirements/gpu.txt
#   docker run --rm -v "$PWD/workspace:/home/kerasline/workspace" kerasline run digits_cnn

ARG PYTHON_IMAGE=python:3.11-slim-bookworm

# --- the packages of the lock, made into an environment in a stage of its own, so that pip's leftovers stay behind ---
FROM ${PYTHON_IMAGE} AS packages
ARG GPU=0
ENV PIP_NO_CACHE_DIR=1
WORKDIR /opt/kerasline
# Only what decides the packages: a change of the code leaves this layer, of several gigabytes, as it is.
COPY setup.py ./
COPY requirements/ requirements/
# An editable install wants to see the folders; the code comes later.
RUN mkdir -p kerasline components pipeline \
    && if [ "${GPU}" = 1 ]; then extra=--gpu; else extra=; fi \
    && python requirements/set_up.py --venv /opt/venv ${extra} \
    && rm -rf /opt/venv/kerasline-setup.log /opt/venv/build-tools.txt

# --- what runs ---------------------------------------------------------------------------------------------------
FROM ${PYTHON_IMAGE}
RUN groupadd --gid 1000 kerasline && useradd --uid 1000 --gid kerasline --create-home kerasline
COPY --from=packages /opt/venv /opt/venv
WORKDIR /opt/kerasline
COPY setup.py ./
COPY docker/entrypoint /usr/local/bin/kerasline-entrypoint
COPY requirements/ requirements/
COPY kerasline/ kerasline/
COPY components/ components/
COPY pipeline/ pipeline/
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
# The environment has a plain path to /opt/kerasline in it; this says at build time that it leads to the command.
RUN python -m compileall -q kerasline components pipeline && kerasline recipes > /dev/null
USER 1000:1000
WORKDIR /home/kerasline
ENTRYPOINT ["kerasline-entrypoint"]
CMD ["--help"]
