#pragma once
// The parts of tokenizer.json around its model: normalizer, pre_tokenizer, post_processor, decoder. All of these throw
// Error with the place for kinds that are not supported.
#include <cstdint>
#include <vector>

#include "dataset/token_decoder.hpp"
#include "dataset/json_field.hpp"
#include "dataset/normalizer.hpp"
#include "dataset/pre_tokenizer.hpp"
#include "dataset/tokenizer_parts.hpp"

namespace modr {

/// NFC, NFD, NFKC, NFKD, Prepend, Replace or a Sequence of them.
Normalizer read_normalizer(const JsonField& document);

/// With ByteLevel among its steps the model's characters are GPT-2's symbols for bytes.
struct ReadPreTokenizer {
  PreTokenizer pre_tokenizer;
  bool byte_level = false;
};

/// ByteLevel, Metaspace, Split, Digits, Punctuation, Whitespace, WhitespaceSplit or a Sequence of them.
ReadPreTokenizer read_pre_tokenizer(const JsonField& document);

/// Ids in front of and behind a single sequence.
struct SequenceFrame {
  std::vector<int32_t> prefix, suffix;
};

/// ByteLevel, TemplateProcessing, RobertaProcessing, BertProcessing or a Sequence of them.
SequenceFrame read_post_processor(const JsonField& document, const TokenList& tokens);

/// ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace or a Sequence of them; without one, tokens are joined with
/// spaces.
TokenDecoder read_decoder(const JsonField& document);

}  // namespace modr
