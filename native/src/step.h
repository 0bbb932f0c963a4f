#pragma once

#include <napi.h>

/**
 * step(context._ctx, items, mostFillers, threads, cancellation or null): Promise<Int32Array>. Evaluates the tokens of
 * every item and samples the token that follows each, on the decoding lane.
 *
 * An item is { sequence, position, tokens, sampler }: `tokens` (at least one, at most a batch) stand at `position` and after it; with a
 * sampler of null nothing follows. Sequences ascend, none comes twice. The result holds a token for each item: -1 where none was asked for,
 * -2 where the grammar leaves none. Gaps between the sequences are filled with up to `mostFillers` tokens (evaluation.h).
 */
Napi::Value step(const Napi::CallbackInfo & info);

/**
 * forget(context._ctx, sequence, from): Promise<boolean>. Forgets positions from `from` on; false, and nothing forgotten, where the memory cannot
 * do that and leave the rest usable. From 0 on it always can.
 */
Napi::Value forget(const Napi::CallbackInfo & info);

/**
 * attachThreads(context._ctx, threads). Gives a context threads of its own (threads.h); a step may use fewer of them. Once for each
 * context. They are never freed: nobody knows when node-llama-cpp is done with it.
 */
void attach_threads(const Napi::CallbackInfo & info);
