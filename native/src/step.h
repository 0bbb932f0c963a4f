#pragma once

#include <napi.h>

/**
 * step(context._ctx, items, mostFillers, threads, cancellation or null): Promise<Int32Array>. Evaluates the tokens of
 * every item and samples the next token of each, on the decoding lane.
 *
 * An item is { sequence, position, tokens, sampler }. The first of `tokens` is at `position`. There is at least one
 * token and at most as many as a batch. Without a sampler (null) no token is sampled. The sequences are in ascending
 * order and differ. The result has one token per item: -1 without a sampler, -2 when the grammar allows no token. Gaps
 * between the sequences are filled with up to `mostFillers` tokens (evaluation.h).
 */
Napi::Value step(const Napi::CallbackInfo & info);

/**
 * attachThreads(context._ctx, threads). Gives a context its own threads (threads.h); a step may use fewer of them.
 * May be called once per context. The threads are never freed, because node-llama-cpp does not announce when it frees
 * a context.
 */
void attach_threads(const Napi::CallbackInfo & info);
