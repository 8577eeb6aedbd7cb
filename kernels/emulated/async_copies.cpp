// cp.async: as early as a thread asks for it, or as late as it waits for it.
#include <cstring>
#include <deque>
#include <utility>
#include <vector>

#include "kernels/emulated/device/tensor_core.hpp"
#include "kernels/emulated/sanitizers.hpp"
#include "kernels/emulated/scheduler.hpp"

namespace modr::emulated {

namespace {

struct Copies {
  std::vector<AsyncCopy> open;
  std::deque<std::vector<AsyncCopy>> groups;
};
std::vector<Copies> copies;  // of each thread of the block
bool at_once = true;
bool used = false;

Copies& mine() { return copies[scheduler.running().thread]; }

}  // namespace

void set_copies_at_once(bool now) { at_once = now; }

bool start_copy(AsyncCopy copy) {
  const NotTheKernels quiet;
  if ((reinterpret_cast<uintptr_t>(copy.to) | reinterpret_cast<uintptr_t>(copy.from)) % 16 != 0)
    scheduler.give_up("copies 16 bytes asynchronously that are not aligned to 16");
  used = true;
  if (!at_once) mine().open.push_back(copy);
  return at_once;
}

void close_copy_group() {
  const NotTheKernels quiet;
  Copies& of = mine();
  of.groups.push_back(std::exchange(of.open, {}));
}

bool next_copy(std::size_t pending, AsyncCopy& copy) {
  const NotTheKernels quiet;
  auto& groups = mine().groups;
  while (groups.size() > pending && groups.front().empty()) groups.pop_front();
  if (groups.size() <= pending) return false;
  copy = groups.front().back();
  groups.front().pop_back();
  return true;
}

void begin_copies(unsigned threads) {
  if (copies.size() < threads) copies.resize(threads);
  if (!std::exchange(used, false)) return;
  for (Copies& of : copies) {
    of.open.clear();
    of.groups.clear();
  }
}

}  // namespace modr::emulated
