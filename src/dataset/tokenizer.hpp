#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace modr {

struct TokenizerParts;
class TokenDecoderStream;

/// Text to token ids and back: a BPE as in Hugging Face's tokenizer.json, of bytes or of characters, or plain bytes.
/// Encoding is linear in the text but for what the file's expressions cost: Huginn's `\p{N}+(?:st|nd|rd|th)` looks over
/// the rest of a run of digits at each digit.
/// A small immutable value (copies share everything); all members may be called from any number of threads.
class Tokenizer {
 public:
  /// The 256 bytes (ids 0 to 255), then <|begin_text|>, <|end_text|>, <|begin_header|>, <|end_header|>, <|end_turn|>
  /// and <|pad|> (256 to 261).
  static Tokenizer bytes();

  /// Reads a tokenizer.json, and the names of special tokens from a tokenizer_config.json beside it, if there is one.
  /// Throws Error naming file and field for a file that is missing, malformed or not consistent, and for kinds of
  /// steps that are not supported (pipeline_json.hpp says which are). `truncation` and `padding` are not applied: the
  /// packing of batches decides.
  static Tokenizer load(const std::filesystem::path& tokenizer_json);

  /// The ids of `text`. Added tokens (`<|end_turn|>`) are recognized in it. Ill-formed UTF-8 is kept: each run of such
  /// bytes is a piece of its own, so that decode_bytes() gives it back. With `add_bos`, in front and behind stands what
  /// the file's post_processor puts around one sequence (Huginn, and bytes(): the BOS in front).
  std::vector<int32_t> encode(std::string_view text, bool add_bos) const;

  /// The text of `ids`, with U+FFFD for each ill-formed part. Ids without a token (a model may have more rows than its
  /// tokenizer has tokens) are left out, special tokens too if `skip_special`.
  std::string decode(std::span<const int32_t> ids, bool skip_special = false) const;

  /// As decode(), but the bytes as they are.
  std::string decode_bytes(std::span<const int32_t> ids, bool skip_special = false) const;

  /// The largest id + 1: the number of rows that a model's embedding needs.
  int64_t vocab_size() const;

  /// The id of a token as the file writes it (a space is "Ġ" in ordinary tokens), if it exists.
  std::optional<int32_t> token_id(std::string_view token) const;

  /// The token of an id as the file writes it; nullopt for an id without a token.
  std::optional<std::string_view> token(int32_t id) const;

  /// True for the tokens that decode(..., skip_special) leaves out.
  bool is_special(int32_t id) const;

  /// Tokens with a role, by tokenizer_config.json or their well-known names. They throw Error when there is none;
  /// `pad` and `end_turn` fall back to the end of text.
  int32_t bos_id() const;
  int32_t eos_id() const;
  int32_t pad_id() const;
  int32_t end_turn_id() const;
  bool has_bos() const;

 private:
  explicit Tokenizer(std::shared_ptr<const TokenizerParts> parts) : parts_(std::move(parts)) {}
  friend class StreamDecoder;
  void encode_valid(std::string_view text, bool at_start, std::vector<int32_t>& ids) const;
  void encode_between(std::string_view text, bool at_start, std::vector<int32_t>& ids) const;
  std::string decode_with(TokenDecoderStream stream, std::span<const int32_t> ids, bool skip_special) const;
  const std::string* shown_token(int32_t id, bool skip_special) const;

  std::shared_ptr<const TokenizerParts> parts_;
};

/// Decodes ids one by one for showing them as they are generated: what may still change, such as a
/// character that is not complete yet, is held back.
class StreamDecoder {
 public:
  explicit StreamDecoder(Tokenizer tokenizer, bool skip_special = false);
  ~StreamDecoder();
  /// The text that `id` completes; all returned texts and finish() together are decode() of all ids.
  std::string push(int32_t id);
  /// What is left, e.g. U+FFFD for an incomplete character; then a new text begins.
  std::string finish();

 private:
  Tokenizer tokenizer_;
  bool skip_special_;
  std::unique_ptr<TokenDecoderStream> stream_;
};

}  // namespace modr
