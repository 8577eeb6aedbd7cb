#pragma once
// What a Tokenizer is made of; the file reader and bytes() put it together.
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dataset/added_tokens.hpp"
#include "dataset/bpe.hpp"
#include "dataset/token_decoder.hpp"
#include "dataset/normalizer.hpp"
#include "dataset/pre_tokenizer.hpp"

namespace modr {

/// Ids that mean something to training and generation.
struct RoleIds {
  std::optional<int32_t> bos, eos, pad, end_turn;
};

/// All tokens by id and by text; ids may have gaps.
class TokenList {
 public:
  /// Largest id that is accepted: larger than any vocabulary, small enough to index a table with.
  static constexpr int64_t kMaxId = (int64_t{1} << 24) - 1;

  /// Returns false when `id` belongs to another token. `id` must lie within 0 and kMaxId.
  bool add(int32_t id, std::string_view token);
  void mark_special(int32_t id) { special_[static_cast<std::size_t>(id)] = true; }

  int64_t size() const { return static_cast<int64_t>(tokens_.size()); }  ///< largest id + 1
  std::optional<int32_t> find(std::string_view token) const;
  /// nullptr for an id without a token, whatever number it is.
  const std::string* token(int64_t id) const;
  bool is_special(int64_t id) const { return token(id) != nullptr && special_[static_cast<std::size_t>(id)]; }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  std::unordered_map<std::string, int32_t, Hash, std::equal_to<>> ids_;
  std::vector<const std::string*> tokens_;  // keys of ids_, which stay where they are
  std::vector<bool> special_;
};

struct TokenizerParts {
  std::string name;  ///< the file, for messages
  TokenList tokens;
  AddedTokenMatcher verbatim_tokens;    ///< cut out of the text first
  AddedTokenMatcher normalized_tokens;  ///< cut out of what the normalizer makes of what the former leave
  Normalizer normalizer;
  std::unordered_map<int32_t, std::string> shown_as;  ///< what decode() takes for tokens that the normalizer changes
  PreTokenizer pre_tokenizer;
  Bpe bpe;
  TokenDecoder decoder;
  std::vector<int32_t> prefix, suffix;  ///< what encode(..., add_bos) puts around a text
  RoleIds roles;
};

/// Fills in the roles that are still open with tokens of well-known names.
void find_well_known_roles(const TokenList& tokens, RoleIds& roles);

/// Reads tokenizer.json and, beside it, tokenizer_config.json. Throws Error naming file and field.
TokenizerParts read_tokenizer_json(const std::filesystem::path& path);

}  // namespace modr
