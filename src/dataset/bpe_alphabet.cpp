#include "dataset/bpe_alphabet.hpp"

#include <algorithm>
#include <utility>

#include "dataset/byte_symbols.hpp"
#include "base/utf8.hpp"

namespace modr {

/// Takes what the characters of a piece become, in order. As in Hugging Face's library an unknown token waits for the
/// next character that has a token of its own, also behind tokens of bytes.
class BpeAlphabet::Collector {
 public:
  Collector(const BpeAlphabet& alphabet, std::vector<int32_t>& ids) : alphabet_(alphabet), ids_(ids) {}

  void add(int32_t id) {
    finish();
    ids_.push_back(id);
  }
  void add_bytes(std::string_view bytes) {
    for (const char byte : bytes) ids_.push_back(alphabet_.byte_tokens_[static_cast<uint8_t>(byte)]);
  }
  void add_unknown() {
    if (alphabet_.unknown_ == kNone) return;
    if (!alphabet_.fuse_unknown_) finish();
    unknown_waits_ = true;
  }
  void finish() {
    if (std::exchange(unknown_waits_, false)) ids_.push_back(alphabet_.unknown_);
  }

 private:
  const BpeAlphabet& alphabet_;
  std::vector<int32_t>& ids_;
  bool unknown_waits_ = false;
};

BpeAlphabet BpeAlphabet::of_bytes(const std::array<int32_t, 256>& ids) {
  BpeAlphabet alphabet;
  alphabet.of_bytes_ = true;
  alphabet.bytes_ = ids;
  alphabet.byte_tokens_.fill(kNone);
  return alphabet;
}

BpeAlphabet BpeAlphabet::of_characters(std::unordered_map<char32_t, int32_t> ids) {
  BpeAlphabet alphabet;
  alphabet.characters_ = std::move(ids);
  alphabet.byte_tokens_.fill(kNone);
  return alphabet;
}

void BpeAlphabet::fall_back_to_bytes(const std::array<int32_t, 256>& byte_tokens) { byte_tokens_ = byte_tokens; }

void BpeAlphabet::set_unknown(int32_t unknown, bool fuse) {
  unknown_ = unknown;
  fuse_unknown_ = fuse;
}

bool BpeAlphabet::has_all_bytes() const { return of_bytes_ && std::ranges::count(bytes_, kNone) == 0; }

void BpeAlphabet::append_fallback(std::string_view bytes, Collector& collector) const {
  const auto has_token = [&](char byte) { return byte_tokens_[static_cast<uint8_t>(byte)] != kNone; };
  if (std::ranges::all_of(bytes, has_token)) {
    collector.add_bytes(bytes);
  } else {
    collector.add_unknown();
  }
}

void BpeAlphabet::append_ids(std::string_view piece, std::vector<int32_t>& ids) const {
  Collector collector(*this, ids);
  while (!piece.empty()) {
    const std::size_t length = of_bytes_ ? append_byte(piece, collector) : append_character(piece, collector);
    piece.remove_prefix(length);
  }
  collector.finish();
}

std::size_t BpeAlphabet::append_byte(std::string_view piece, Collector& collector) const {
  const auto byte = static_cast<uint8_t>(piece.front());
  if (bytes_[byte] != kNone) {
    collector.add(bytes_[byte]);
  } else {
    append_fallback(byte_symbol(byte), collector);
  }
  return 1;
}

std::size_t BpeAlphabet::append_character(std::string_view piece, Collector& collector) const {
  const Utf8Char c = decode_utf8(piece);
  const std::size_t length = c.valid ? c.length : 1;
  const auto known = c.valid ? characters_.find(c.code_point) : characters_.end();
  if (known != characters_.end()) {
    collector.add(known->second);
  } else {
    append_fallback(piece.substr(0, length), collector);
  }
  return length;
}

}  // namespace modr
