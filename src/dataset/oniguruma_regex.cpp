#include "dataset/oniguruma_regex.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bitset>
#include <map>
#include <utility>

#include "base/error.hpp"

namespace modr {
namespace {

constexpr char32_t kFirstBeyondAscii = 0x80;
constexpr std::size_t kMostKinds = 128;  // beyond ASCII

/// All code points beyond ASCII in intervals of one kind each, split by one set after the other.
class Partition {
 public:
  void split(const CodePointSet& set) {
    std::map<std::pair<uint8_t, bool>, uint8_t> kind_of;  // (kind before, inside the set) -> kind
    std::vector<char32_t> begins;
    std::vector<uint8_t> kinds;
    const auto add = [&](char32_t begin, uint8_t kind_before, bool inside) {
      const auto next_kind = static_cast<uint8_t>(kind_of.size());
      const auto [entry, is_new] = kind_of.emplace(std::pair{kind_before, inside}, next_kind);
      if (is_new && kind_of.size() > kMostKinds) {
        fail("the expression tells more than {} kinds of characters apart beyond ASCII", kMostKinds);
      }
      if (!kinds.empty() && kinds.back() == entry->second) return;
      begins.push_back(begin);
      kinds.push_back(entry->second);
    };
    auto range = set.ranges().begin();
    for (std::size_t i = 0; i < begins_.size(); ++i) {
      const char32_t last = i + 1 < begins_.size() ? begins_[i + 1] - 1 : kLastCodePoint;
      for (char32_t c = begins_[i]; c <= last;) {
        while (range != set.ranges().end() && range->last < c) ++range;
        const bool inside = range != set.ranges().end() && range->first <= c;
        add(c, kinds_[i], inside);
        if (range == set.ranges().end()) break;
        c = inside ? range->last + 1 : range->first;
      }
    }
    begins_ = std::move(begins);
    kinds_ = std::move(kinds);
  }

  const std::vector<char32_t>& begins() const { return begins_; }
  const std::vector<uint8_t>& kinds() const { return kinds_; }

 private:
  std::vector<char32_t> begins_ = {kFirstBeyondAscii};
  std::vector<uint8_t> kinds_ = {0};
};

std::string byte_class_of(const CodePointSet& set, const Partition& partition) {
  std::bitset<256> bytes;
  for (const auto& [first, last] : set.ranges()) {
    for (char32_t c = first; c <= last && c < kFirstBeyondAscii; ++c) bytes.set(c);
  }
  for (std::size_t i = 0; i < partition.begins().size(); ++i) {
    if (set.contains(partition.begins()[i])) bytes.set(kFirstBeyondAscii + partition.kinds()[i]);
  }
  std::string items;
  for (std::size_t begin = 0; begin < bytes.size(); ++begin) {
    if (!bytes[begin]) continue;
    std::size_t end = begin + 1;
    while (end < bytes.size() && bytes[end]) ++end;
    items += fmt::format("\\x{:02X}-\\x{:02X}", begin, end - 1);
    begin = end;
  }
  return items.empty() ? "[^\\x00-\\xFF]" : "[" + items + "]";
}

}  // namespace

CharacterKinds::CharacterKinds(const std::vector<const CodePointSet*>& sets) {
  Partition partition;
  for (const CodePointSet* set : sets) partition.split(*set);
  byte_classes_.reserve(sets.size());
  for (const CodePointSet* set : sets) byte_classes_.push_back(byte_class_of(*set, partition));
  tabulate(partition.begins(), partition.kinds());
}

void CharacterKinds::tabulate(const std::vector<char32_t>& begins, const std::vector<uint8_t>& kinds) {
  std::map<Block, uint16_t> known;
  std::size_t interval = 0;  // that holds c; code points below its begin are ASCII
  for (std::size_t block = 0; block < block_of_.size(); ++block) {
    Block values{};
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto c = static_cast<char32_t>(block << 8 | i);
      while (interval + 1 < begins.size() && begins[interval + 1] <= c) ++interval;
      values[i] = static_cast<uint8_t>(c < kFirstBeyondAscii ? c : kFirstBeyondAscii + kinds[interval]);
    }
    const auto [entry, is_new] = known.emplace(values, static_cast<uint16_t>(blocks_.size()));
    if (is_new) blocks_.push_back(values);
    block_of_[block] = entry->second;
  }
}

Regex OnigurumaRegex::compile(const Pattern& pattern, const CharacterKinds& kinds) {
  std::string bytes;
  for (const Pattern::Item& item : pattern.items()) {
    const auto* set = std::get_if<std::size_t>(&item);
    bytes += set != nullptr ? kinds.byte_class(*set) : std::get<std::string>(item);
  }
  return Regex(bytes, Regex::Characters::bytes);
}

std::string OnigurumaRegex::kinds_of(std::string_view text, std::size_t ascii) const {
  std::string kinds(text.substr(0, ascii));
  kinds.reserve(text.size());
  for (text.remove_prefix(ascii); !text.empty();) {
    const Utf8Char c = decode_utf8(text);
    kinds += static_cast<char>(kinds_.of(c.code_point));
    text.remove_prefix(c.length);
  }
  return kinds;
}

}  // namespace modr
