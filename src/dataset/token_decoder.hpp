#pragma once
// From tokens as the file writes them to text.
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "dataset/normalizer.hpp"

namespace modr {

/// The steps of a decoder, in Hugging Face's words. Each sees the tokens that the one before it hands on.
namespace decoder_step {
struct ByteLevel {};     ///< GPT-2's symbols to bytes; a token with other characters is its own text; all become one
struct ByteFallback {};  ///< "<0xE2>" to bytes; if neighbours are not UTF-8 together, each is U+FFFD
struct Fuse {};          ///< all tokens become one
struct JoinWithSpaces {};  ///< what no decoder at all means
/// Up to so many of a character at both ends of each token are left out.
struct Strip {
  std::string content;
  std::size_t start, stop;
};
/// The sign for a space becomes one, but for that of the first token with `strips_first`.
struct Metaspace {
  std::string replacement;
  bool strips_first;
};
}  // namespace decoder_step

/// A list of such steps. Immutable but for add().
class TokenDecoder {
 public:
  using Step = std::variant<decoder_step::ByteLevel, decoder_step::ByteFallback, decoder_step::Fuse,
                            decoder_step::JoinWithSpaces, decoder_step::Strip, decoder_step::Metaspace, Replace>;

  /// One of Step's alternatives. (Made in its place: GCC 14 warns, falsely, of what moving a Step may read.)
  template <typename Alternative>
  void add(Alternative step) {
    steps_.emplace_back(std::move(step));
  }
  const std::vector<Step>& steps() const { return steps_; }

 private:
  std::vector<Step> steps_;
};

class DecoderStage;

/// Decodes tokens one after the other; what may still change is held back. With `keep_bytes` ill-formed UTF-8 stays as
/// it is. The decoder must live on.
class TokenDecoderStream {
 public:
  explicit TokenDecoderStream(const TokenDecoder& decoder, bool keep_bytes = false);
  ~TokenDecoderStream();
  TokenDecoderStream(TokenDecoderStream&&) noexcept;
  TokenDecoderStream& operator=(TokenDecoderStream&&) noexcept;

  /// Appends to `out` what is certain once `token` is known.
  void push(std::string_view token, std::string& out);
  /// Appends the rest, and begins a new text.
  void finish(std::string& out);

 private:
  std::vector<std::unique_ptr<DecoderStage>> stages_;
};

}  // namespace modr
