#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "dataset/bpe_alphabet.hpp"

namespace modr {

/// Two neighbouring tokens that become one. Their place in the list of merges is their rank.
struct BpeMerge {
  int32_t left, right, result;
};

/// Byte-pair encoding within a piece: the neighbours of lowest rank merge first, the leftmost of equals. O(n log n) in
/// the piece's length. Immutable after construction.
/// Source: Sennrich, Haddow, Birch, "Neural machine translation of rare words with subword units", ACL 2016.
class Bpe {
 public:
  using WholePieces = std::vector<std::pair<std::string, int32_t>>;

  /// `merges` in order of rank (of equal pairs the last counts). `vocabulary` holds tokens as pieces: pieces that are a
  /// token are looked up rather than merged, all of them with `ignore_merges`, else those that merging yields too.
  Bpe(BpeAlphabet alphabet, const std::vector<BpeMerge>& merges, const WholePieces& vocabulary, bool ignore_merges);

  /// Appends the ids of one piece, which may be any bytes of at most 2 GiB (Error beyond).
  void encode(std::string_view piece, std::vector<int32_t>& ids) const;

 private:
  struct Target {
    uint32_t rank;
    int32_t result;
  };
  /// Open addressing with linear probing: looked up for every pair of neighbours, so one cache line a lookup.
  class PairTable {
   public:
    explicit PairTable(const std::vector<BpeMerge>& merges);
    const Target* find(int32_t left, int32_t right) const;

   private:
    struct Slot {
      uint64_t pair;
      Target target;
    };
    std::size_t slot_of(uint64_t pair) const;
    std::vector<Slot> slots_;  // a power of two, at most half full
  };
  struct PieceHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view piece) const { return std::hash<std::string_view>{}(piece); }
  };
  class Word;

  void merge(std::string_view piece, std::vector<int32_t>& ids) const;

  BpeAlphabet alphabet_;
  PairTable pairs_;
  std::unordered_map<std::string, int32_t, PieceHash, std::equal_to<>> whole_;
};

}  // namespace modr
