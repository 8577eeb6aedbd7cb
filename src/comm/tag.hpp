#pragma once
// What a rank calls, as the others see it: ranks compare tags before they trust what they got.
#include <cstdint>
#include <string>
#include <type_traits>

#include "comm/activity.hpp"

namespace modr {

enum class Operation : int32_t {
  none,
  barrier,
  all_reduce,
  broadcast,
  all_gather,
  gather,
  all_to_all,
  all_to_all_v,
  split,
  open_counter,
  draw,
  close_counter,
  send,
  receive,
  open_nccl,
};

/// What Tag::count counts.
enum class Unit : int32_t { nothing, bytes, f32, f64, i64 };

enum class ReduceOp : int32_t { sum, max, min };

/// One call. It travels between ranks as the bytes that it is. In a collective all but `label` must be equal on all
/// ranks; of a message `count` and `label`.
struct Tag {
  Operation operation = Operation::none;
  Unit unit = Unit::nothing;
  ReduceOp reduce_op = ReduceOp::sum;
  int32_t peer = -1;   // the root, or the other rank of a message: in the world
  int64_t count = -1;  // elements that each rank gives; -1 where ranks may differ
  int64_t label = -1;  // of a message
  uint64_t group = 0;  // the same number on all ranks of the group, another for each group
  char group_name[24] = "";
  int64_t sequence = -1;  // the group's how manieth collective
  Activity activity = {};
};
static_assert(std::has_unique_object_representations_v<Tag>);

/// A hash of what must be equal on all ranks of a collective.
uint64_t hash_of(const Tag& tag);

/// "dispatch, step 5, recurrence 3"; empty when nothing was announced.
std::string describe(const Activity& activity);
/// "all_reduce of 4096 f32 (gradients, step 5)".
std::string describe(const Tag& tag);
/// describe() with its place: "collective 41, barrier (save, step 3), of group 'world'"; a message has no number.
std::string describe_place(const Tag& tag);

}  // namespace modr
