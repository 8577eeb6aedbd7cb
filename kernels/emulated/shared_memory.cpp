#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/error.hpp"
#include "kernels/emulated/device/shared.hpp"
#include "kernels/emulated/guard.hpp"
#include "kernels/emulated/sanitizers.hpp"
#include "kernels/emulated/scheduler.hpp"

namespace modr::emulated {

namespace {

constexpr std::size_t most_static_bytes = 48 << 10;

struct Piece {
  const void* name;
  void* memory;
  std::size_t bytes;
};
std::vector<Piece> pieces;   // of the block
std::vector<void*> retired;  // of blocks before it, while races are sought: their addresses must not come again
char first_use = 0;          // for the sanitizer: who asks sees it filled

const char dynamic_name = 0;

void* find_or_make(const void* name, std::size_t bytes) {
  const NotTheKernels quiet;
  for (const Piece& piece : pieces) {
    if (piece.name != name) continue;
    acquire(&first_use);
    return piece.memory;
  }
  void* memory = make_guarded(bytes);
  pieces.push_back({name, memory, bytes});
  release(&first_use);
  return memory;
}

}  // namespace

void* block_memory(const void* name, std::size_t bytes) {
  std::size_t all = bytes;
  for (const Piece& piece : pieces)
    if (piece.name != name && piece.name != &dynamic_name) all += piece.bytes;
  if (all > most_static_bytes)
    scheduler.give_up(fmt::format("asks for {} bytes of static shared memory, a block has {}", all, most_static_bytes));
  return find_or_make(name, bytes);
}

void* dynamic_memory() { return find_or_make(&dynamic_name, scheduler.grid().shared_bytes); }

std::string end_shared_memory(bool failed) {
  std::string error;
  for (const Piece& piece : pieces) {
    if (!guard_is_whole(piece.memory, piece.bytes))
      error = fmt::format("a thread of {} wrote past the end of {} bytes of shared memory", name_of_block(),
                          piece.bytes);
    if (races_are_sought() && !failed) retired.push_back(piece.memory);
    else std::free(piece.memory);
  }
  pieces.clear();
  return error;
}

void end_grid_memory() {
  for (void* memory : retired) std::free(memory);
  retired.clear();
}

}  // namespace modr::emulated
