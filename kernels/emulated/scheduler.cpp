#include "kernels/emulated/scheduler.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.hpp"
#include "kernels/emulated/device/memory.hpp"
#include "kernels/emulated/sanitizers.hpp"

uint3 threadIdx{}, blockIdx{};
dim3 blockDim{}, gridDim{};

namespace modr::emulated {

Scheduler& scheduler = *new Scheduler;  // its fibers never end

std::string text_of(Line line) {
  const char* name = std::strrchr(line.file, '/');
  return fmt::format("{}:{}", name == nullptr ? line.file : name + 1, line.number);
}

std::string name_of_block() { return fmt::format("block ({},{},{})", blockIdx.x, blockIdx.y, blockIdx.z); }

namespace {

uint3 place_of(uint64_t index, const dim3& extent) {
  return {unsigned(index % extent.x), unsigned(index / extent.x % extent.y), unsigned(index / extent.x / extent.y)};
}

}  // namespace

std::string name_of_thread(unsigned thread) {
  const uint3 at = place_of(thread, blockDim);
  return fmt::format("thread ({},{},{}) of {}", at.x, at.y, at.z, name_of_block());
}

void Scheduler::set_order(Order order, uint64_t seed) {
  order_ = order;
  dice_.seed(seed);
}

void Scheduler::let_run(Fiber& fiber) {
  running_ = &fiber;
  threadIdx = place_of(fiber.thread, blockDim);
}

void Scheduler::wait() {
  Fiber& me = *running_;
  release(&end_place_);  // it may be that nobody resumes it
  me.switch_to(*host_);
  let_run(me);
}

namespace {
struct GivenUp {};  // thrown, so that what is on the thread's stack is destroyed
}  // namespace

void Scheduler::give_up(const std::string& what) {
  error_ = fmt::format("{} {}", name_of_thread(running_->thread), what);
  throw GivenUp();
}

void Scheduler::fiber_entry() {
  Fiber::begin();
  Scheduler& s = scheduler;
  for (;;) {
    Fiber& me = *s.running_;
    acquire(&s.start_place_);
    try {
      (*s.grid_->body)();
    } catch (const GivenUp&) {
    } catch (const std::exception& caught) {
      s.error_ = fmt::format("{} threw: {}", name_of_thread(me.thread), caught.what());
    }
    release(&s.end_place_);
    const NotTheKernels quiet;
    while (!s.error_.empty()) me.switch_to(*s.host_);  // which drops it
    ++s.finished_;
    ++s.counters_.threads;
    if (!races_are_sought() && s.order_ == Order::forward && s.ready_.empty() && s.started_ < s.threads_) {
      me.thread = s.sequence_[s.started_++];  // the same fiber goes on as the next thread, without a switch
      s.let_run(me);
      continue;
    }
    s.idle_.push_back(&me);
    me.switch_to(*s.host_);
  }
}

// With the race detector a thread is always the same fiber, and another one in the next block, which is not ordered
// after this one.
Fiber* Scheduler::take_idle(unsigned thread) {
  if (races_are_sought()) {
    const std::size_t index = thread + counters_.blocks % 2 * most_threads;
    if (fibers_.size() < 2 * most_threads) fibers_.resize(2 * most_threads);
    if (fibers_[index] == nullptr) fibers_[index] = std::make_unique<Fiber>(fiber_entry);
    return fibers_[index].get();
  }
  if (idle_.empty()) {
    fibers_.push_back(std::make_unique<Fiber>(fiber_entry));
    return fibers_.back().get();
  }
  Fiber* fiber = idle_.back();
  idle_.pop_back();
  return fiber;
}

Fiber* Scheduler::start_next() {
  const unsigned thread = sequence_[started_++];
  Fiber* fiber = take_idle(thread);
  fiber->thread = thread;
  return fiber;
}

// Who runs next; null where nobody can.
Fiber* Scheduler::next() {
  const bool can_start = started_ < threads_;
  const bool prefers_start = order_ == Order::forward || (order_ == Order::shuffled && dice_() % 2 == 0);
  if (can_start && (ready_.empty() || prefers_start)) return start_next();
  if (ready_.empty()) return nullptr;
  if (order_ == Order::shuffled) std::swap(ready_.front(), ready_[dice_() % ready_.size()]);
  Fiber* fiber = ready_.front();
  ready_.pop_front();
  return fiber;
}

void Scheduler::resume_with_caller(std::vector<Fiber*>& waiting) {
  if (order_ == Order::forward) {
    ready_.insert(ready_.end(), waiting.begin(), waiting.end());
    waiting.clear();
    return;
  }
  waiting.push_back(running_);
  if (order_ == Order::reverse) std::reverse(waiting.begin(), waiting.end());
  ready_.insert(order_ == Order::reverse ? ready_.begin() : ready_.end(), waiting.begin(), waiting.end());
  waiting.clear();
  wait();
}

void Scheduler::sync_threads(Line line) {
  const NotTheKernels quiet;
  const bool other = barrier_line_.number != line.number || std::strcmp(barrier_line_.file, line.file) != 0;
  if (!at_barrier_.empty() && other)
    give_up(fmt::format("waits at the barrier in {}, others at that in {}", text_of(line), text_of(barrier_line_)));
  barrier_line_ = line;
  char* place = &barrier_places_[barriers_ % 2];
  release(place);
  if (at_barrier_.size() + 1 == threads_) {
    ++barriers_;
    resume_with_caller(at_barrier_);
  } else {
    at_barrier_.push_back(running_);
    wait();
  }
  acquire(place);
}

std::string Scheduler::who_waits() const {
  const std::string left =
      fmt::format("{} of {} threads of {} have left the kernel", finished_, threads_, name_of_block());
  if (at_barrier_.empty()) return fmt::format("{}, {}", left, who_waits_in_warps());
  return fmt::format("{}, {} wait for them at the barrier in {}", left, at_barrier_.size(), text_of(barrier_line_));
}

void Scheduler::drop_fibers() {  // threads that will never end are on their stacks
  ready_.clear();
  at_barrier_.clear();
  idle_.clear();
  fibers_.clear();
}

void Scheduler::check_end_of_block() {
  if (error_.empty() && finished_ < threads_) error_ = who_waits();
  if (error_.empty() && grid_->early && waits_for_previous_ != threads_)
    error_ = fmt::format("{} of {} threads of {} waited for the kernel before theirs, which was launched early",
                         waits_for_previous_, threads_, name_of_block());
  const std::string written = end_shared_memory(!error_.empty());
  if (error_.empty()) error_ = written;
  if (error_.empty()) return;
  drop_fibers();
  acquire(&end_place_);
  fail("emulated device: {}", std::exchange(error_, {}));
}

void Scheduler::run_block(uint64_t index) {
  blockIdx = place_of(index, grid_->blocks);
  started_ = finished_ = barriers_ = waits_for_previous_ = 0;
  ++counters_.blocks;
  for (unsigned i = 0; i < threads_; ++i) sequence_[i] = order_ == Order::reverse ? threads_ - 1 - i : i;
  if (order_ == Order::shuffled) std::shuffle(sequence_.begin(), sequence_.end(), dice_);
  begin_warps(threads_);
  begin_copies(threads_);
  while (Fiber* fiber = next()) {
    ++counters_.switches;
    let_run(*fiber);
    host_->switch_to(*fiber);
    if (!error_.empty()) break;
  }
  check_end_of_block();
}

void Scheduler::run(const Grid& grid) {
  const NotTheKernels quiet;
  Fiber host;
  host.be_the_host();
  host_ = &host;
  grid_ = &grid;
  blockDim = grid.threads;
  gridDim = grid.blocks;
  threads_ = static_cast<unsigned>(count_threads(grid));
  sequence_.resize(threads_);
  ++counters_.launches;
  release(&start_place_);
  const uint64_t blocks = count(grid.blocks);
  std::vector<uint64_t> turns(order_ == Order::shuffled ? blocks : 0);
  for (uint64_t i = 0; i < turns.size(); ++i) turns[i] = i;
  std::shuffle(turns.begin(), turns.end(), dice_);
  for (uint64_t i = 0; i < blocks; ++i)
    run_block(order_ == Order::forward ? i : order_ == Order::reverse ? blocks - 1 - i : turns[i]);
  acquire(&end_place_);
  end_grid_memory();
}

void set_order(Order order, uint64_t seed) { scheduler.set_order(order, seed); }
Counters counters() { return scheduler.counters(); }
void sync_threads(Line line) { scheduler.sync_threads(line); }
void wait_for_previous_kernel() { scheduler.wait_for_previous_kernel(); }

}  // namespace modr::emulated
