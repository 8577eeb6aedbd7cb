#include "dataset/bpe.hpp"

#include <algorithm>
#include <bit>
#include <functional>
#include <limits>
#include <span>

#include "base/error.hpp"

namespace modr {
namespace {

constexpr uint64_t kNoPair = ~uint64_t{0};

uint64_t pack(int32_t left, int32_t right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

}  // namespace

Bpe::PairTable::PairTable(const std::vector<BpeMerge>& merges)
    : slots_(std::bit_ceil(2 * merges.size() + 2), Slot{kNoPair, {}}) {
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const uint64_t pair = pack(merges[rank].left, merges[rank].right);
    slots_[slot_of(pair)] = {pair, {static_cast<uint32_t>(rank), merges[rank].result}};
  }
}

/// The slot that holds `pair`, or the free one where it would go.
std::size_t Bpe::PairTable::slot_of(uint64_t pair) const {
  constexpr uint64_t kGolden = 0x9E3779B97F4A7C15ULL;  // Fibonacci hashing
  const std::size_t mask = slots_.size() - 1;
  const uint64_t product = pair * kGolden;
  std::size_t slot = (product ^ product >> 32) & mask;
  while (slots_[slot].pair != pair && slots_[slot].pair != kNoPair) slot = (slot + 1) & mask;
  return slot;
}

const Bpe::Target* Bpe::PairTable::find(int32_t left, int32_t right) const {
  const Slot& slot = slots_[slot_of(pack(left, right))];
  return slot.pair == kNoPair ? nullptr : &slot.target;
}

/// A piece on its way from characters to tokens: a doubly linked list of symbols, and a heap of the possible merges.
class Bpe::Word {
 public:
  Word(const PairTable& pairs, std::span<const int32_t> ids) : pairs_(pairs) {
    symbols_.reserve(ids.size());
    for (const int32_t id : ids) {
      const auto i = static_cast<int32_t>(symbols_.size());
      symbols_.push_back({id, i - 1, i + 1});
    }
    if (symbols_.empty()) return;
    symbols_.back().next = kEnd;
    for (int32_t i = 0; i < static_cast<int32_t>(symbols_.size()); ++i) offer(i, false);
    std::ranges::make_heap(heap_, std::greater{});
  }

  void merge_all() {
    while (!heap_.empty()) {
      std::ranges::pop_heap(heap_, std::greater{});
      const uint64_t candidate = heap_.back();
      heap_.pop_back();
      const auto left = static_cast<int32_t>(static_cast<uint32_t>(candidate));
      const Target* target = target_at(left);
      // A rank names one pair; the entry is stale when another pair, or none, stands there by now.
      if (target == nullptr || target->rank != candidate >> 32) continue;
      apply(left, target->result);
    }
  }

  void append_to(std::vector<int32_t>& ids) const {
    for (int32_t i = symbols_.empty() ? kEnd : 0; i != kEnd; i = symbols_[i].next) ids.push_back(symbols_[i].id);
  }

 private:
  static constexpr int32_t kEnd = -1;
  static constexpr int32_t kDead = -2;
  struct Symbol {
    int32_t id, previous, next;
  };

  const Target* target_at(int32_t left) const {
    const Symbol& symbol = symbols_[left];
    if (symbol.id == kDead || symbol.next == kEnd) return nullptr;
    return pairs_.find(symbol.id, symbols_[symbol.next].id);
  }

  /// Puts the pair that begins at `left` on the heap; rank above, position below, so that the smallest is next.
  void offer(int32_t left, bool keep_heap) {
    const Target* target = target_at(left);
    if (target == nullptr) return;
    heap_.push_back(static_cast<uint64_t>(target->rank) << 32 | static_cast<uint32_t>(left));
    if (keep_heap) std::ranges::push_heap(heap_, std::greater{});
  }

  void apply(int32_t left, int32_t result) {
    const int32_t right = symbols_[left].next;
    const int32_t next = symbols_[right].next;
    symbols_[left].id = result;
    symbols_[left].next = next;
    symbols_[right].id = kDead;
    if (next != kEnd) symbols_[next].previous = left;
    offer(left, true);
    if (symbols_[left].previous != kEnd) offer(symbols_[left].previous, true);
  }

  const PairTable& pairs_;
  std::vector<Symbol> symbols_;
  std::vector<uint64_t> heap_;
};

Bpe::Bpe(BpeAlphabet alphabet, const std::vector<BpeMerge>& merges, const WholePieces& vocabulary,
         bool ignore_merges)
    : alphabet_(std::move(alphabet)), pairs_(merges) {
  std::vector<int32_t> ids;
  for (const auto& [piece, id] : vocabulary) {
    if (!ignore_merges) {
      ids.clear();
      merge(piece, ids);
    }
    if (ignore_merges || (ids.size() == 1 && ids[0] == id)) whole_.emplace(piece, id);
  }
}

void Bpe::merge(std::string_view piece, std::vector<int32_t>& ids) const {
  MODR_CHECK(piece.size() <= static_cast<std::size_t>(std::numeric_limits<int32_t>::max()),
             "a piece of {} bytes between two splits is too long for the tokenizer", piece.size());
  const std::size_t begin = ids.size();
  alphabet_.append_ids(piece, ids);
  MODR_CHECK(ids.size() - begin <= static_cast<std::size_t>(std::numeric_limits<int32_t>::max()),
             "a piece of {} tokens between two splits is too long for the tokenizer", ids.size() - begin);
  Word word(pairs_, std::span(ids).subspan(begin));
  ids.resize(begin);
  word.merge_all();
  word.append_to(ids);
}

void Bpe::encode(std::string_view piece, std::vector<int32_t>& ids) const {
  if (const auto whole = whole_.find(piece); whole != whole_.end()) {
    ids.push_back(whole->second);
  } else {
    merge(piece, ids);
  }
}

}  // namespace modr
