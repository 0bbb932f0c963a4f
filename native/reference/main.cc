// The reference program of the tests; it is not part of the service. It answers prompts with llama.cpp's own helpers
// (chat template, mtmd_tokenize, mtmd_helper_eval_chunks, greedy argmax), on the same libraries that node-llama-cpp
// loads.
//
//   reference MODEL MMPROJ LIBRARIES MIN_TOKENS MAX_TOKENS THREADS FLASH < cases.jsonl > answers.jsonl
//
// FLASH is 1 for flash attention, 0 without. A case is {"messages": [...], "tools": [...], "template", "thinks",
// "images": [{"path", "width", "height"}], "maxTokens"}. Messages and tools have the shape of the OpenAI API; "tools",
// "template" and "thinks" are optional. "template" replaces the template of the model, and "thinks" is
// `enable_thinking`, false by default. The files of images are raw RGB; "<__media__>" in a content marks the place of
// an image. An answer is {"prompt": [token ids, -1 for each token of an image], "tokens": [ids], "text"}, or
// {"refusal"} with the sentence of a template that throws. With "maxTokens" 0 the model evaluates nothing.
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "chat.h"
#include "ggml-backend.h"
#include "json.h"
#include "llama.h"
#include "mtmd-helper.h"
#include "mtmd.h"
#include "nlohmann/json.hpp"

// Templates render the keys of tools in the order of the request.
using json = nlohmann::ordered_json;

static std::string piece_of(const llama_vocab * vocab, llama_token token) {
    std::string piece(256, '\0');
    const auto size = static_cast<int32_t>(piece.size());
    const int32_t length = llama_token_to_piece(vocab, token, piece.data(), size, 0, false);
    piece.resize(length > 0 ? length : 0);
    return piece;
}

static std::string render(const json & request, const llama_model * model) {
    common_chat_templates_inputs inputs;
    inputs.use_jinja = true;
    inputs.enable_thinking = request.value("thinks", false);
    inputs.messages = common_chat_msgs_parse_oaicompat(common_json::parse(request["messages"].dump()));
    if (request.contains("tools")) {
        inputs.tools = common_chat_tools_parse_oaicompat(common_json::parse(request["tools"].dump()));
    }
    const auto templates = common_chat_templates_init(model, request.value("template", ""));
    return common_chat_templates_apply(templates.get(), inputs).prompt;
}

static json answer(const json & request, llama_context * context, mtmd_context * vision) {
    const llama_vocab * vocab = llama_model_get_vocab(llama_get_model(context));
    std::string prompt;
    try {
        prompt = render(request, llama_get_model(context));
    } catch (const std::exception & error) {
        return { { "refusal", error.what() } };
    }

    std::vector<mtmd::bitmap> bitmaps;
    std::vector<const mtmd_bitmap *> pointers;
    for (const json & image : request["images"]) {
        std::ifstream file(image["path"].get<std::string>(), std::ios::binary);
        const std::string rgb((std::istreambuf_iterator<char>(file)), {});
        bitmaps.emplace_back(image["width"].get<uint32_t>(), image["height"].get<uint32_t>(),
            reinterpret_cast<const unsigned char *>(rgb.data()));
    }
    for (const mtmd::bitmap & bitmap : bitmaps) pointers.push_back(bitmap.ptr.get());

    mtmd_input_text text = {};
    text.text = prompt.c_str();
    text.text_len = prompt.size();
    text.add_special = false;
    text.parse_special = true;
    mtmd::input_chunks chunks(mtmd_input_chunks_init());
    if (mtmd_tokenize(vision, chunks.ptr.get(), &text, pointers.data(), pointers.size()) != 0) {
        throw std::runtime_error("mtmd_tokenize failed");
    }

    json result = { { "prompt", json::array() }, { "tokens", json::array() } };
    for (size_t i = 0; i < chunks.size(); i++) {
        size_t count = 0;
        const llama_token * tokens = mtmd_input_chunk_get_type(chunks[i]) == MTMD_INPUT_CHUNK_TYPE_TEXT
            ? mtmd_input_chunk_get_tokens_text(chunks[i], &count) : nullptr;
        if (tokens == nullptr) count = mtmd_input_chunk_get_n_tokens(chunks[i]);
        for (size_t k = 0; k < count; k++) result["prompt"].push_back(tokens == nullptr ? -1 : tokens[k]);
    }

    if (request["maxTokens"] == 0) return result;

    llama_memory_clear(llama_get_memory(context), true);
    llama_pos position = 0;
    if (mtmd_helper_eval_chunks(vision, context, chunks.ptr.get(), 0, 0, 512, true, &position) != 0) {
        throw std::runtime_error("mtmd_helper_eval_chunks failed");
    }

    std::string output;
    using Sampler = std::unique_ptr<llama_sampler, decltype(&llama_sampler_free)>;
    const Sampler greedy(llama_sampler_init_greedy(), llama_sampler_free);
    llama_batch batch = llama_batch_init(1, 0, 1);
    for (int i = 0; i < request["maxTokens"].get<int>(); i++) {
        llama_token token = llama_sampler_sample(greedy.get(), context, -1);
        if (llama_vocab_is_eog(vocab, token)) break;
        result["tokens"].push_back(token);
        output += piece_of(vocab, token);
        batch.n_tokens = 1;
        batch.token[0] = token;
        batch.pos[0] = position++;
        batch.n_seq_id[0] = 1;
        batch.seq_id[0][0] = 0;
        batch.logits[0] = true;
        if (llama_decode(context, batch) != 0) throw std::runtime_error("llama_decode failed");
    }
    llama_batch_free(batch);
    result["text"] = output;
    return result;
}

int main(int argc, char ** argv) {
    if (argc != 8) {
        std::fprintf(stderr,
            "usage: reference MODEL MMPROJ LIBRARIES MIN_TOKENS MAX_TOKENS THREADS FLASH < cases.jsonl\n");
        return 2;
    }
    const auto quiet = [](ggml_log_level level, const char * text, void *) {
        if (level == GGML_LOG_LEVEL_ERROR) std::fputs(text, stderr);
    };
    llama_log_set(quiet, nullptr);
    mtmd_helper_log_set(quiet, nullptr);
    // Selects the CPU library for this processor, as node-llama-cpp does.
    ggml_backend_load_all_from_path(argv[3]);
    llama_backend_init();

    llama_model_params model_params = llama_model_default_params();
    model_params.n_gpu_layers = 0;
    llama_model * model = llama_model_load_from_file(argv[1], model_params);
    if (model == nullptr) return 1;

    mtmd_context_params vision_params = mtmd_context_params_default();
    vision_params.use_gpu = false;
    vision_params.warmup = false;
    vision_params.print_timings = false;
    vision_params.image_min_tokens = std::stoi(argv[4]);
    vision_params.image_max_tokens = std::stoi(argv[5]);
    vision_params.n_threads = std::stoi(argv[6]);
    mtmd::context_ptr vision(mtmd_init_from_file(argv[2], model, vision_params));
    if (!vision) return 1;

    llama_context_params context_params = llama_context_default_params();
    context_params.n_ctx = 4096;
    context_params.n_batch = 512;
    context_params.flash_attn_type =
        std::string(argv[7]) == "1" ? LLAMA_FLASH_ATTN_TYPE_ENABLED : LLAMA_FLASH_ATTN_TYPE_DISABLED;
    context_params.n_threads = context_params.n_threads_batch = std::stoi(argv[6]);
    llama_context * context = llama_init_from_model(model, context_params);
    if (context == nullptr) return 1;

    for (std::string line; std::getline(std::cin, line);) {
        if (line.empty()) continue;
        const json result = answer(json::parse(line), context, vision.get());
        std::cout << result.dump(-1, ' ', false, json::error_handler_t::replace) << std::endl;
    }
    return 0;
}
