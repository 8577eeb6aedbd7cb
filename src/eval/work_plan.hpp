#pragma once
// An evaluation cut into pieces of work, the same whatever the number of ranks.
#include <cstdint>
#include <span>
#include <vector>

namespace modr {

/// Problems of one task that a rank answers together.
struct WorkPiece {
  std::size_t task = 0;
  int64_t num_steps = 0;
  std::vector<int64_t> items;
  double cost = 0;  // token passes through the recurrent core, about
};

/// What the plan needs to know of a task.
struct TaskSize {
  std::vector<int64_t> lengths;  // of each prompt, in tokens
  int64_t new_tokens = 0;        // that an answer may take
};

/// Every problem of every task with every number of recurrences, once. A task's problems are sorted by length (equal
/// ones by index) and cut into pieces of `batch`; the costliest pieces come first, so that the ranks end together.
std::vector<WorkPiece> plan_work(std::span<const TaskSize> tasks, std::span<const int64_t> num_steps, int64_t batch);

}  // namespace modr
