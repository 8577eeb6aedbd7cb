// Merging against a plain quadratic twin, and pieces that would punish a quadratic merge.
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/philox.hpp"
#include "dataset/bpe.hpp"

namespace modr {
namespace {

using Ids = std::vector<int32_t>;

std::array<int32_t, 256> bytes_but(std::string_view missing) {
  std::array<int32_t, 256> ids{};
  for (int32_t id = 0; id < 256; ++id) ids[static_cast<std::size_t>(id)] = id;
  for (const char c : missing) ids[static_cast<uint8_t>(c)] = BpeAlphabet::kNone;
  return ids;
}

BpeAlphabet identity() { return BpeAlphabet::of_bytes(bytes_but("")); }

Ids encode(const Bpe& bpe, std::string_view piece) {
  Ids ids;
  bpe.encode(piece, ids);
  return ids;
}

/// Merges the leftmost pair of lowest rank until none is left.
Ids merge_plainly(Ids ids, const std::vector<BpeMerge>& merges) {
  std::map<std::pair<int32_t, int32_t>, std::size_t> ranks;
  for (std::size_t rank = 0; rank < merges.size(); ++rank) ranks[{merges[rank].left, merges[rank].right}] = rank;
  while (true) {
    std::size_t best = merges.size(), at = 0;
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
      const auto rank = ranks.find({ids[i], ids[i + 1]});
      if (rank != ranks.end() && rank->second < best) best = rank->second, at = i;
    }
    if (best == merges.size()) return ids;
    ids[at] = merges[best].result;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
}

TEST(Bpe, MergesAsThePlainTwin) {
  PhiloxSequence random(7, RandomStream::data);
  for (int round = 0; round < 50; ++round) {
    std::vector<BpeMerge> merges;
    std::map<std::string, int32_t> id_of;
    std::vector<std::string> tokens;
    for (int32_t byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
    for (std::size_t id = 0; id < tokens.size(); ++id) id_of[tokens[id]] = static_cast<int32_t>(id);
    std::vector<int32_t> used = {'a', 'b', 'c'};
    for (int i = 0; i < 40; ++i) {
      const int32_t left = used[random.below(used.size())], right = used[random.below(used.size())];
      const std::string joined = tokens[static_cast<std::size_t>(left)] + tokens[static_cast<std::size_t>(right)];
      const auto [entry, is_new] = id_of.emplace(joined, static_cast<int32_t>(tokens.size()));
      if (is_new) tokens.push_back(joined), used.push_back(entry->second);
      merges.push_back({left, right, entry->second});
    }
    Bpe::WholePieces vocabulary(id_of.begin(), id_of.end());
    const Bpe bpe(identity(), merges, vocabulary, false);
    for (int piece = 0; piece < 40; ++piece) {
      std::string text;
      Ids bytes, ids;
      for (uint64_t length = random.below(30); text.size() < length;) text += static_cast<char>('a' + random.below(3));
      for (const char c : text) bytes.push_back(c);
      bpe.encode(text, ids);
      EXPECT_EQ(ids, merge_plainly(bytes, merges)) << text;
    }
  }
}

// A quadratic merge takes hours: the time limit of the test would end it.
TEST(Bpe, AMegabyteWithoutASplitTakesNoSquareTime) {
  std::vector<BpeMerge> merges = {{'a', 'a', 256}};
  for (int32_t id = 256; id < 266; ++id) merges.push_back({id, id, id + 1});
  const Bpe bpe(identity(), merges, {}, false);
  Ids ids;
  bpe.encode(std::string(1 << 20, 'a'), ids);
  EXPECT_EQ(ids, Ids(1 << 9, 266));  // 2^11 letters each
}

TEST(Bpe, BytesWithoutATokenVanishOrBecomeUnknown) {
  BpeAlphabet alphabet = BpeAlphabet::of_bytes(bytes_but("xy"));
  EXPECT_EQ(encode(Bpe(alphabet, {{'a', 'b', 256}}, {}, false), "axbx"), (Ids{256}));
  alphabet.set_unknown(300, /*fuse=*/false);
  EXPECT_EQ(encode(Bpe(alphabet, {}, {}, false), "axyb"), (Ids{'a', 300, 300, 'b'}));
  alphabet.set_unknown(300, /*fuse=*/true);
  EXPECT_EQ(encode(Bpe(alphabet, {}, {}, false), "axyb"), (Ids{'a', 300, 'b'}));
}

TEST(Bpe, CharactersWithoutATokenFallBackToBytes) {
  BpeAlphabet alphabet = BpeAlphabet::of_characters({{U'a', 1}, {U'\u00E9', 2}});
  std::array<int32_t, 256> byte_tokens{};
  for (int32_t byte = 0; byte < 256; ++byte) byte_tokens[static_cast<std::size_t>(byte)] = 1000 + byte;
  byte_tokens['x'] = BpeAlphabet::kNone;
  alphabet.fall_back_to_bytes(byte_tokens);
  EXPECT_EQ(encode(Bpe(alphabet, {}, {}, false), "a\xC3\xA9x\xC3\xA8"), (Ids{1, 2, 1000 + 0xC3, 1000 + 0xA8}));
  EXPECT_EQ(encode(Bpe(alphabet, {}, {}, false), "\xFF\xE2\x82"), (Ids{1000 + 0xFF, 1000 + 0xE2, 1000 + 0x82}));
  alphabet.set_unknown(0, /*fuse=*/true);
  // As in Hugging Face's library the unknown token comes behind the bytes, and is one.
  EXPECT_EQ(encode(Bpe(alphabet, {}, {}, false), "xb\nxa"), (Ids{1000 + 'b', 1000 + '\n', 0, 1}));
}

TEST(Bpe, IgnoreMergesTakesWholePieces) {
  const Bpe::WholePieces vocabulary = {{"abc", 256}};
  Ids with, without;
  Bpe(identity(), {}, vocabulary, true).encode("abc", with);
  Bpe(identity(), {}, vocabulary, false).encode("abc", without);
  EXPECT_EQ(with, (Ids{256}));
  EXPECT_EQ(without, (Ids{'a', 'b', 'c'}));
}

}  // namespace
}  // namespace modr
