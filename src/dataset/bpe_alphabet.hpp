#pragma once
#include <array>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace modr {

/// What a piece is before any merge: ids of its characters. A byte-level model's characters are the 256 bytes.
class BpeAlphabet {
 public:
  static constexpr int32_t kNone = -1;

  /// The bytes' ids, kNone for a byte without a token.
  static BpeAlphabet of_bytes(const std::array<int32_t, 256>& ids);
  /// Characters' ids.
  static BpeAlphabet of_characters(std::unordered_map<char32_t, int32_t> ids);

  /// What stands for a character without a token: the tokens of its bytes ("<0xE2>") if it has them all (a byte of a
  /// byte-level model: of the symbol that is written for it) ...
  void fall_back_to_bytes(const std::array<int32_t, 256>& byte_tokens);
  /// ... else `unknown`, one for several neighbours with `fuse`; without this call it vanishes.
  void set_unknown(int32_t unknown, bool fuse);

  bool is_of_bytes() const { return of_bytes_; }
  /// Whether nothing needs to be stood in for.
  bool has_all_bytes() const;

  /// Appends the ids of `piece`, which may be any bytes.
  void append_ids(std::string_view piece, std::vector<int32_t>& ids) const;

 private:
  class Collector;
  /// These append the first character of `piece` and return its length.
  std::size_t append_byte(std::string_view piece, Collector& collector) const;
  std::size_t append_character(std::string_view piece, Collector& collector) const;
  void append_fallback(std::string_view bytes, Collector& collector) const;

  bool of_bytes_ = false;
  std::array<int32_t, 256> bytes_{};
  std::unordered_map<char32_t, int32_t> characters_;
  std::array<int32_t, 256> byte_tokens_{};  // "<0x00>" and so on; kNone where there is none
  int32_t unknown_ = kNone;
  bool fuse_unknown_ = false;
};

}  // namespace modr
