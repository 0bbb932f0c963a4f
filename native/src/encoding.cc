#include "encoding.h"

#include <stdexcept>
#include <string>

#include "abort-guard.h"

void decode_slice(llama_context * context, const Encoding & encoding, const Slice & slice, int32_t threads,
    const std::atomic<bool> * cancelled) {
    llama_set_n_threads(context, threads, threads);
    const int32_t count = slice.count;
    const int axes = encoding.mrope ? 4 : 1;
    const int32_t width = llama_model_n_embd_inp(llama_get_model(context));
    llama_seq_id sequence = slice.sequence;
    std::vector<llama_pos> positions(static_cast<size_t>(count) * axes, 0);
    std::vector<int32_t> sequence_counts(count, 1);
    std::vector<llama_seq_id *> sequences(static_cast<size_t>(count) + 1, &sequence);
    std::vector<int8_t> logits(count, 0);
    sequences[count] = nullptr;

    for (int32_t i = 0; i < count; i++) {
        const mtmd_decoder_pos & relative = encoding.positions[slice.offset + i];
        if (!encoding.mrope) {
            positions[i] = slice.position + slice.offset + i;
            continue;
        }
        // The axes follow each other, each with `count` values: t… y… x… z…
        positions[i] = slice.position + static_cast<llama_pos>(relative.t);
        positions[i + count] = slice.position + static_cast<llama_pos>(relative.y);
        positions[i + count * 2] = slice.position + static_cast<llama_pos>(relative.x);
        positions[i + count * 3] = static_cast<llama_pos>(relative.z);
    }

    llama_batch batch = {};
    batch.n_tokens = count;
    // llama_batch is not const-correct, but llama_decode only reads the embeddings.
    batch.embd = const_cast<float *>(encoding.embeddings.data()) + static_cast<size_t>(slice.offset) * width;
    batch.pos = positions.data();
    batch.n_seq_id = sequence_counts.data();
    batch.seq_id = sequences.data();
    batch.logits = logits.data();

    const AbortGuard guard(context, cancelled);
    const int32_t status = llama_decode(context, batch);
    if (status == AbortGuard::ABORTED) throw std::runtime_error("The slice was cancelled");
    if (status == 1) throw std::runtime_error("The KV cache has no free cells for the image");
    if (status != 0) throw std::runtime_error("llama_decode failed on an image, status " + std::to_string(status));
    llama_synchronize(context);
}
