#include <cstdint>

#include "dataset/pipeline_json.hpp"
#include "dataset/pipeline_step.hpp"

namespace modr {
namespace {

decoder_step::Strip read_strip(const JsonField& step) {
  constexpr int64_t kMost = 1 << 20;
  return {read_character(step.at("content")), static_cast<std::size_t>(step.at("start").integer(0, kMost)),
          static_cast<std::size_t>(step.at("stop").integer(0, kMost))};
}

}  // namespace

TokenDecoder read_decoder(const JsonField& document) {
  TokenDecoder result;
  const auto field = document.find("decoder");
  if (!field) {
    result.add(decoder_step::JoinWithSpaces{});
    return result;
  }
  for_each_in_sequence(*field, "decoders", [&](const JsonField& step) {
    const std::string& type = type_of(step);
    if (type == "ByteLevel") return result.add(decoder_step::ByteLevel{});
    if (type == "ByteFallback") return result.add(decoder_step::ByteFallback{});
    if (type == "Fuse") return result.add(decoder_step::Fuse{});
    if (type == "Replace") return result.add(read_replace(step));
    if (type == "Strip") return result.add(read_strip(step));
    if (type == "Metaspace") {
      const bool strips_first = read_prepend_scheme(step) != Metaspace::Prepend::never;
      return result.add(decoder_step::Metaspace{read_character(step.at("replacement")), strips_first});
    }
    unsupported(step, "ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace or a Sequence of them");
  });
  return result;
}

}  // namespace modr
