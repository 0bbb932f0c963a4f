# syntax=docker/dockerfile:1
#
#   docker build --target cpu  -t sightline:cpu  .
#   docker build --target cuda -t sightline:cuda .
#
# Both run as a user without rights and on a read-only root: what is written goes to /app/uploads (a tmpfs) and /models (a volume).

ARG NODE_VERSION=22

# --- what compiles ---------------------------------------------------------------------------------------------------------------
FROM node:${NODE_VERSION}-bookworm AS packages
RUN apt-get update \
  && apt-get install --yes --no-install-recommends cmake \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund

# The bridge is built for the variants of llama.cpp that are there: each image keeps its own only.
# `npm prune` brings back what was left out: it goes twice.
FROM packages AS build-cpu
ARG OTHERS="node_modules/@node-llama-cpp/*-cuda node_modules/@node-llama-cpp/*-cuda-ext node_modules/@node-llama-cpp/*-vulkan"
RUN rm -rf ${OTHERS}
COPY native ./native
RUN npm run postinstall
COPY . .
RUN npm run build \
  && npm prune --omit=dev --ignore-scripts --no-audit --no-fund \
  && rm -rf ${OTHERS} node_modules/node-llama-cpp/llama/gitRelease.bundle native/build/*/reference

FROM packages AS build-cuda
# -ext has CUDA 12 for older drivers: this image brings CUDA 13.
ARG OTHERS="node_modules/@node-llama-cpp/*-cuda-ext node_modules/@node-llama-cpp/*-vulkan"
RUN rm -rf ${OTHERS}
COPY native ./native
RUN npm run postinstall
COPY . .
RUN npm run build \
  && npm prune --omit=dev --ignore-scripts --no-audit --no-fund \
  && rm -rf ${OTHERS} node_modules/node-llama-cpp/llama/gitRelease.bundle native/build/*/reference

# --- what runs -------------------------------------------------------------------------------------------------------------------
FROM nvidia/cuda:13.0.1-base-ubuntu24.04 AS cuda
# The base image has cudart; the driver's libcuda comes with the container toolkit.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends libcublas-13-0 \
  && rm -rf /var/lib/apt/lists/*
COPY --from=packages /usr/local/bin/node /usr/local/bin/node
ENV NODE_ENV=production HOST=0.0.0.0 UPLOAD_DIR=/app/uploads MODELS_DIR=/models LLAMA_GPU=cuda NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
WORKDIR /app
RUN useradd --uid 10001 --no-create-home sightline \
  && install --directory --owner=sightline uploads /models
COPY --from=build-cuda /app/package.json ./
COPY --from=build-cuda /app/deploy/healthcheck.mjs ./deploy/
COPY --from=build-cuda /app/models ./models
COPY --from=build-cuda /app/native ./native
COPY --from=build-cuda /app/node_modules ./node_modules
COPY --from=build-cuda /app/dist ./dist
USER sightline
EXPOSE 5000
VOLUME ["/models"]
# The time to load a model counts as starting, not as ill.
HEALTHCHECK --interval=10s --timeout=5s --start-period=300s --retries=3 CMD ["node", "deploy/healthcheck.mjs"]
# SIGTERM drains; node is fit to be process 1, since the service reaps the only child that it has.
CMD ["node", "dist/server.js"]

# Last, so that it is what `docker build` makes when it is told nothing.
FROM node:${NODE_VERSION}-bookworm-slim AS cpu
ENV NODE_ENV=production HOST=0.0.0.0 UPLOAD_DIR=/app/uploads MODELS_DIR=/models LLAMA_GPU=off
WORKDIR /app
RUN useradd --uid 10001 --no-create-home sightline \
  && install --directory --owner=sightline uploads /models
COPY --from=build-cpu /app/package.json ./
COPY --from=build-cpu /app/deploy/healthcheck.mjs ./deploy/
COPY --from=build-cpu /app/models ./models
COPY --from=build-cpu /app/native ./native
COPY --from=build-cpu /app/node_modules ./node_modules
COPY --from=build-cpu /app/dist ./dist
USER sightline
EXPOSE 5000
VOLUME ["/models"]
HEALTHCHECK --interval=10s --timeout=5s --start-period=300s --retries=3 CMD ["node", "deploy/healthcheck.mjs"]
CMD ["node", "dist/server.js"]
