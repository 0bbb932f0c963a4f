#include "encoder.h"

#include <cstring>
#include <stdexcept>

namespace {

/** Returns the only image chunk. `chunks` owns it. */
const mtmd_input_chunk * find_image(const mtmd::input_chunks & chunks) {
    const mtmd_input_chunk * image = nullptr;
    for (size_t i = 0; i < chunks.size(); i++) {
        if (mtmd_input_chunk_get_type(chunks[i]) != MTMD_INPUT_CHUNK_TYPE_IMAGE) continue;
        if (image != nullptr) {
            throw std::runtime_error(
                "The projector splits an image into several chunks; only the Qwen-VL family is supported");
        }
        image = chunks[i];
    }
    if (image == nullptr) throw std::runtime_error("The projector returned no tokens for the image");
    return image;
}

}  // namespace

Encoder::Encoder(const std::string & path, const llama_model * model, const EncoderOptions & options) : model_(model) {
    mtmd_context_params params = mtmd_context_params_default();
    params.use_gpu = options.gpu;
    params.n_threads = options.threads;
    params.image_min_tokens = options.min_tokens;
    params.image_max_tokens = options.max_tokens;
    params.print_timings = false;
    // mtmd's warm-up ignores the limits and encodes 2116 tokens.
    params.warmup = false;
    // On a GPU, interrupting the graph only adds waiting time.
    if (!options.gpu) pacer_.attach(params);

    context_.reset(mtmd_init_from_file(path.c_str(), model, params));
    if (!context_) throw std::runtime_error("The projector cannot be loaded, or it belongs to another model");
    if (!mtmd_support_vision(context_.get())) throw std::runtime_error("The projector has no vision encoder");
    if (mtmd_decode_use_non_causal(context_.get(), nullptr)) {
        throw std::runtime_error("The projector needs non-causal attention; only the Qwen-VL family is supported");
    }
    if (!options.gpu) pacer_.keep_threads(context_.get(), options.threads);
}

std::shared_ptr<const Encoding> Encoder::encode(const mtmd::bitmap & bitmap) {
    mtmd_context * context = context_.get();
    // The text is only the image marker: the chat template renders the text around the image.
    const char * marker = mtmd_get_marker(context);
    mtmd_input_text text = {};
    text.text = marker;
    text.text_len = std::strlen(marker);
    text.add_special = false;
    text.parse_special = true;
    mtmd::input_chunks chunks(mtmd_input_chunks_init());
    const mtmd_bitmap * bitmaps[] = { bitmap.ptr.get() };
    if (mtmd_tokenize(context, chunks.ptr.get(), &text, bitmaps, 1) != 0) {
        throw std::runtime_error("The image cannot be split into patches");
    }
    const mtmd_input_chunk * image = find_image(chunks);

    if (mtmd_encode_chunk(context, image) != 0) throw std::runtime_error("The image cannot be encoded");
    if (pacer_.cancelled()) throw std::runtime_error("The encoding was cancelled");

    auto encoding = std::make_shared<Encoding>();
    encoding->tokens = static_cast<int32_t>(mtmd_input_chunk_get_n_tokens(image));
    encoding->span = mtmd_input_chunk_get_n_pos(image);
    encoding->mrope = mtmd_decode_use_mrope(context);
    const mtmd_image_tokens * tokens = mtmd_input_chunk_get_tokens_image(image);
    for (int32_t i = 0; i < encoding->tokens; i++) {
        encoding->positions.push_back(mtmd_image_tokens_get_decoder_pos(tokens, 0, i));
    }
    const float * output = mtmd_get_output_embd(context);
    const size_t width = llama_model_n_embd_inp(model_);
    encoding->embeddings.assign(output, output + width * encoding->tokens);
    return encoding;
}
