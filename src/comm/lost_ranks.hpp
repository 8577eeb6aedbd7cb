#pragma once
// What is said when ranks lose each other. Texts from what is known, without communication.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "comm/tag.hpp"

namespace modr {

/// "rank 2", "ranks 0, 1 and 4 to 7". `ranks` ascend.
std::string rank_list(const std::vector<int>& ranks);

/// What one rank calls in a collective, as it told the others.
struct Call {
  int rank = 0;  // in the world
  Tag tag;
  /// Of an all_to_all_v: the bytes that it sends to each rank of the group, then those that it expects from each.
  std::vector<int64_t> bytes;
};

/// The calls of all ranks of a group that told, in the group's order; nothing for those that did not tell in time, who
/// are `silent`.
std::string disagreement_text(const std::vector<Call>& calls, const std::vector<int>& silent);

/// What a rank does. It travels between ranks as the bytes that it is.
struct RankReport {
  enum class State : int32_t { works, waits };

  int32_t rank = -1;
  State state = State::works;
  Activity activity = {};
  double activity_seconds = 0;  // since it was announced
  Tag tag = {};                 // what it waits for, or called last
  double state_seconds = 0;     // since it waits, or works
};

/// What one rank knows of another (or of itself) when it gives up waiting.
struct KnownRank {
  /// As its node's board, or it itself, told.
  std::optional<RankReport> report;
  /// Whether it told itself: it waits, and gives up like we do.
  bool answers = false;
  /// Of one that answers: whom it may be waiting for.
  std::vector<int32_t> partners;
  /// The last collective that we had in common, and when.
  std::optional<Tag> last_common;
  double last_common_seconds = 0;
};

/// Names those that did not come, what they do instead and who waits for them; or, when all wait, who waits for what.
/// `ranks` are all of the world; `limit` is how many seconds were waited.
std::string timeout_text(const std::vector<KnownRank>& ranks, double limit);

}  // namespace modr
