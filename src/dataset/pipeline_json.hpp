#pragma once
// The parts of tokenizer.json around its model: normalizer, pre_tokenizer, post_processor, decoder.
#include <cstdint>
#include <vector>

#include "dataset/json_field.hpp"
#include "dataset/pre_tokenizer.hpp"
#include "dataset/tokenizer_parts.hpp"

namespace modr {

/// Ids in front of and behind a single sequence.
struct SequenceFrame {
  std::vector<int32_t> prefix, suffix;
};

/// Throws Error unless the text is left as it is.
void refuse_normalizer(const JsonField& document);

/// Throws Error unless the decoder is ByteLevel, or none is named.
void refuse_other_decoders(const JsonField& document);

/// ByteLevel, alone or in a Sequence with Split, Digits, Punctuation and Whitespace. Throws Error for other kinds.
PreTokenizer read_pre_tokenizer(const JsonField& document);

/// ByteLevel, TemplateProcessing, RobertaProcessing, BertProcessing or a Sequence of them. Throws Error for others.
SequenceFrame read_post_processor(const JsonField& document, const TokenList& tokens);

}  // namespace modr
