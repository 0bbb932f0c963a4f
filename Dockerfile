# syntax=docker/dockerfile:1
#
#   docker build -t sightline:cpu .
#   docker build --build-arg VARIANT=cuda -t sightline:cuda .
#
# Both run as a user without rights and on a read-only root: what is written goes to /app/uploads (a tmpfs) and /models (a volume).

ARG NODE_VERSION=22
# cpu or cuda
ARG VARIANT=cpu

# --- what compiles ---------------------------------------------------------------------------------------------------------------
FROM node:${NODE_VERSION}-bookworm AS packages
RUN apt-get update \
  && apt-get install --yes --no-install-recommends cmake \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund

# Variants of llama.cpp that an image does without.
FROM packages AS packages-cpu
ENV OTHERS="node_modules/@node-llama-cpp/*-cuda node_modules/@node-llama-cpp/*-cuda-ext node_modules/@node-llama-cpp/*-vulkan"

FROM packages AS packages-cuda
# -ext has CUDA 12 for older drivers: this image brings CUDA 13.
ENV OTHERS="node_modules/@node-llama-cpp/*-cuda-ext node_modules/@node-llama-cpp/*-vulkan"

# The bridge is built for the variants that are there. `npm prune` brings back what was left out: it goes twice.
FROM packages-${VARIANT} AS build
RUN rm -rf ${OTHERS}
COPY native ./native
RUN npm run postinstall
COPY . .
RUN npm run build \
  && npm prune --omit=dev --ignore-scripts --no-audit --no-fund \
  && rm -rf ${OTHERS} node_modules/node-llama-cpp/llama/gitRelease.bundle native/build/*/reference

# --- what runs -------------------------------------------------------------------------------------------------------------------
FROM node:${NODE_VERSION}-bookworm-slim AS system-cpu
ENV LLAMA_GPU=off

FROM nvidia/cuda:13.0.1-base-ubuntu24.04 AS system-cuda
# The base image has cudart; the driver's libcuda comes with the container toolkit.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends libcublas-13-0 \
  && rm -rf /var/lib/apt/lists/*
COPY --from=packages /usr/local/bin/node /usr/local/bin/node
ENV LLAMA_GPU=cuda NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility

FROM system-${VARIANT} AS image
ENV NODE_ENV=production HOST=0.0.0.0 UPLOAD_DIR=/app/uploads MODELS_DIR=/models
WORKDIR /app
RUN useradd --uid 10001 --no-create-home sightline \
  && install --directory --owner=sightline uploads /models
COPY --from=build /app/package.json ./
COPY --from=build /app/deploy/healthcheck.mjs ./deploy/
COPY --from=build /app/models ./models
COPY --from=build /app/native ./native
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
USER sightline
EXPOSE 5000
VOLUME ["/models"]
# The time to load a model counts as starting, not as ill.
HEALTHCHECK --interval=10s --timeout=5s --start-period=300s --retries=3 CMD ["node", "deploy/healthcheck.mjs"]
# SIGTERM drains; node is fit to be process 1, since the service reaps the only child that it has.
CMD ["node", "dist/server.js"]
