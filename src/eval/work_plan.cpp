#include "eval/work_plan.hpp"

#include <algorithm>
#include <numeric>

namespace modr {

namespace {

std::vector<int64_t> by_length(const std::vector<int64_t>& lengths) {
  std::vector<int64_t> order(lengths.size());
  std::iota(order.begin(), order.end(), int64_t{0});
  std::ranges::stable_sort(order, {}, [&](int64_t item) { return lengths[static_cast<std::size_t>(item)]; });
  return order;
}

}  // namespace

std::vector<WorkPiece> plan_work(std::span<const TaskSize> tasks, std::span<const int64_t> num_steps, int64_t batch) {
  std::vector<WorkPiece> pieces;
  for (std::size_t task = 0; task < tasks.size(); ++task) {
    const std::vector<int64_t> order = by_length(tasks[task].lengths);
    for (std::size_t begin = 0; begin < order.size(); begin += static_cast<std::size_t>(batch)) {
      const std::size_t end = std::min(begin + static_cast<std::size_t>(batch), order.size());
      const std::vector<int64_t> items(order.begin() + static_cast<std::ptrdiff_t>(begin),
                                       order.begin() + static_cast<std::ptrdiff_t>(end));
      const int64_t longest = tasks[task].lengths[static_cast<std::size_t>(items.back())];
      const auto tokens = static_cast<double>(items.size()) * static_cast<double>(longest + tasks[task].new_tokens);
      for (int64_t steps : num_steps) pieces.push_back({task, steps, items, tokens * static_cast<double>(steps)});
    }
  }
  std::ranges::stable_sort(pieces, std::ranges::greater{}, &WorkPiece::cost);
  return pieces;
}

}  // namespace modr
