# syntax=docker/dockerfile:1
#
#   docker build --target cpu  -t sightline:cpu  .
#   docker build --target cuda -t sightline:cuda .
#
# Both images run as an unprivileged user on a read-only root. They write to /app/uploads (a tmpfs) and /models (a
# volume) only.

ARG NODE_VERSION=22

# --- build stages ---------------------------------------------------------------------------------------------------
FROM node:${NODE_VERSION}-bookworm AS packages
RUN apt-get update \
  && apt-get install --yes --no-install-recommends cmake \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund

# The bridge is built for every llama.cpp variant in node_modules, so each image removes the variants that it does not
# need. `npm prune` installs them again, so they are removed twice.
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
# -ext contains CUDA 12 for older drivers. This image contains CUDA 13.
ARG OTHERS="node_modules/@node-llama-cpp/*-cuda-ext node_modules/@node-llama-cpp/*-vulkan"
RUN rm -rf ${OTHERS}
COPY native ./native
RUN npm run postinstall
COPY . .
RUN npm run build \
  && npm prune --omit=dev --ignore-scripts --no-audit --no-fund \
  && rm -rf ${OTHERS} node_modules/node-llama-cpp/llama/gitRelease.bundle native/build/*/reference

# --- runtime images -------------------------------------------------------------------------------------------------
FROM nvidia/cuda:13.0.1-base-ubuntu24.04 AS cuda
# The base image contains cudart. The NVIDIA container toolkit provides the driver's libcuda. The font is for documents
# that do not contain their Chinese, Japanese or Korean fonts.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends libcublas-13-0 fonts-wqy-microhei \
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
# Failed checks do not count during the start period, so that a model has time to load.
HEALTHCHECK --interval=10s --timeout=5s --start-period=300s --retries=3 CMD ["node", "deploy/healthcheck.mjs"]
# On SIGTERM the service finishes running requests. node can be process 1, because the service reaps its only child.
CMD ["node", "dist/server.js"]

# `docker build` without a target builds the last stage.
FROM node:${NODE_VERSION}-bookworm-slim AS cpu
# For documents that do not contain their Chinese, Japanese or Korean fonts.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends fonts-wqy-microhei \
  && rm -rf /var/lib/apt/lists/*
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
