#pragma once
// Runs the threads of a grid: blocks one after the other, the threads of a block as fibers that take turns at barriers
// and exchanges. One grid at a time in a process; the caller sees to it (device.hpp).
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "kernels/emulated/control.hpp"
#include "kernels/emulated/fiber.hpp"

namespace modr::emulated {

struct Grid {
  dim3 blocks, threads;
  std::size_t shared_bytes;          // of dynamic shared memory
  const std::function<void()>* body;  // what each thread does
  bool early = false;                 // may begin before the kernel in front of it has ended, were this a GPU
};

inline uint64_t count(const dim3& extent) { return uint64_t{extent.x} * extent.y * extent.z; }
inline uint64_t count_threads(const Grid& grid) { return count(grid.threads); }

class Scheduler {
 public:
  static constexpr unsigned most_threads = 1024;

  void set_order(Order order, uint64_t seed);
  Counters counters() const { return counters_; }

  /// All blocks of the grid. Throws Error with what a thread did wrong; the rest of the grid is then not run.
  void run(const Grid& grid);

  // For a thread of the kernel:

  const Grid& grid() const { return *grid_; }
  Fiber& running() { return *running_; }
  /// Other threads run until somebody resumes this one.
  void wait();
  /// `waiting` go on, and the caller, who came last, with them.
  void resume_with_caller(std::vector<Fiber*>& waiting);
  /// Ends the grid with an Error that names the calling thread and says what it did.
  [[noreturn]] void give_up(const std::string& what);
  void sync_threads(Line line);
  void wait_for_previous_kernel() { ++waits_for_previous_; }

 private:
  static void fiber_entry();
  void run_block(uint64_t index);
  std::string who_waits() const;
  Fiber* next();
  Fiber* start_next();
  Fiber* take_idle(unsigned thread);
  void let_run(Fiber& fiber);
  void check_end_of_block();
  void drop_fibers();

  Order order_ = Order::forward;
  std::mt19937_64 dice_;
  Counters counters_{};
  const Grid* grid_ = nullptr;
  unsigned threads_ = 0, started_ = 0, finished_ = 0;  // of the block
  std::vector<unsigned> sequence_;                     // in which threads start
  std::deque<Fiber*> ready_;
  std::vector<Fiber*> at_barrier_;
  Line barrier_line_{};
  unsigned barriers_ = 0;      // passed by the block
  unsigned waits_for_previous_ = 0;
  char barrier_places_[2]{};   // for the sanitizer: in turn, so that who is late does not see the next barrier's past
  char start_place_ = 0, end_place_ = 0;
  std::string error_;
  Fiber* host_ = nullptr;
  Fiber* running_ = nullptr;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber*> idle_;
};

extern Scheduler& scheduler;

/// "FILE:LINE", without folders.
std::string text_of(Line line);
/// "thread (1,0,0) of block (0,0,0)", of the block that runs.
std::string name_of_thread(unsigned thread);
std::string name_of_block();

// What a block has besides its threads; each is told when a block begins.
void begin_warps(unsigned threads);
/// What lanes wait for, where some do; else empty.
std::string who_waits_in_warps();
void begin_copies(unsigned threads);
void set_copies_at_once(bool now);
/// Frees the block's shared memory. Gives what was written past its end, or nothing.
std::string end_shared_memory(bool failed);
/// What the race detector must not see used again is freed.
void end_grid_memory();

}  // namespace modr::emulated
